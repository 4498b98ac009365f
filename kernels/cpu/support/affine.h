#pragma once

#include <array>

#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {

// Of ops that begin with x times a weight: how the weight is stored.
struct AffineState : Prepared {
  explicit AffineState(const Attributes& attributes)
      : transpose_weight(attributes.get<bool>("transpose_weight")) {}
  bool transpose_weight;
};

struct ActivationState : AffineState {
  explicit ActivationState(const Attributes& attributes)
      : AffineState(attributes),
        activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

// out[..,j] = finish(x times the weight plus the bias at j, beside[..,j]) for input 0 as x, input 1
// as the weight and input `bias`, if there are so many, as the bias. `beside` has the extents of
// the output and may lie in the same place.
template <typename T, typename Finish>
void for_each_affine(const Call& call, std::size_t bias_input, bool transpose_weight,
                     const TensorView& beside, const Finish& finish) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &out = call.outputs[0];
  const auto stored = matrix_of<const T>(weight, address(weight));
  const auto factor = transpose_weight ? stored.transposed() : stored;
  const bool has_bias = call.inputs.size() > bias_input;
  const auto bias = [&](std::int64_t j) {
    const TensorView& view = call.inputs[bias_input];
    return widen(view.as<T>()[j * view.strides[0]]);
  };
  const int last = x.rank - 1;
  const auto lane_at = [last]<typename U>(const TensorView& view, std::byte* at, U*) {
    return Lane<U>{reinterpret_cast<U*>(at), view.strides[last], view.extents[last]};
  };
  for_each_element(
      std::array{without_axis(x, last), without_axis(out, last), without_axis(beside, last)},
      [&](const auto& at) {
        const auto row = lane_at(x, at[0], static_cast<const T*>(nullptr));
        const auto result = lane_at(out, at[1], static_cast<T*>(nullptr));
        const auto other = lane_at(beside, at[2], static_cast<const T*>(nullptr));
        multiply_row(row, factor, [&](std::int64_t j, Compute<T> sum) {
          result[j] = static_cast<T>(finish(has_bias ? sum + bias(j) : sum, other, j));
        });
      });
}

}  // namespace paceline::kernels::cpu
