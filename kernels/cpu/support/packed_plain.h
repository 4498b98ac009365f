#pragma once

#include <array>

#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/packed_problem.h"

namespace paceline::kernels::cpu {

// A packed weight, element by element.
template <typename W>
class PackedElements {
 public:
  explicit PackedElements(const TensorView& weight) : view_(weight) {}

  W at(std::int64_t k, std::int64_t column) const {
    const std::int64_t tile = view_.extents[2], depth = view_.extents[3];
    return view_.as<const W>()[column / tile * view_.strides[0] + k / depth * view_.strides[1] +
                               column % tile * view_.strides[2] + k % depth * view_.strides[3]];
  }

 private:
  TensorView view_;
};

// out[row,j] = activation(x times the weight + bias + residual), for input 2 as the residual where
// the bias is input 3.
template <typename T, typename W, int bias_input, typename Finish>
void multiply_packed_plain(const Call& call, const Finish& finish) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const TensorView& beside = bias_input == 3 ? call.inputs[2] : out;
  const PackedElements<W> weight(call.inputs[1]);
  const int last = x.rank - 1;
  const bool has_bias = call.inputs.size() > bias_input;
  for_each_element(
      std::array{without_axis(x, last), without_axis(out, last), without_axis(beside, last)},
      [&](const auto& at) {
        const auto* row = reinterpret_cast<const T*>(at[0]);
        auto* result = reinterpret_cast<T*>(at[1]);
        const auto* residual = reinterpret_cast<const T*>(at[2]);
        for (std::int64_t j = 0; j < out.extents[last]; ++j) {
          Compute<T> sum = 0;
          for (std::int64_t k = 0; k < x.extents[last]; ++k) {
            sum += widen(row[k * x.strides[last]]) * static_cast<Compute<T>>(weight.at(k, j));
          }
          if (has_bias) {
            const TensorView& bias = call.inputs[bias_input];
            sum += widen(bias.as<const T>()[j * bias.strides[0]]);
          }
          if (bias_input == 3) sum += widen(residual[j * beside.strides[last]]);
          result[j * out.strides[last]] = static_cast<T>(finish(sum));
        }
      });
}

template <int bias_input>
void run_packed_plain(const Call& call) {
  Floats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    Floats::visit(call.inputs[1].dtype, [&]<typename W>(std::type_identity<W>) {
      const auto& activation = call.state<PackedState>().activation;
      if (!activation) {
        return multiply_packed_plain<T, W, bias_input>(call, [](Compute<T> sum) { return sum; });
      }
      visit_activation(*activation, [&](auto function) {
        multiply_packed_plain<T, W, bias_input>(call, function);
      });
    });
  });
}

inline Kernel packed_plain(const char* op, void (*run)(const Call&)) {
  return {
      .info = plain_info(op, Floats::list(), {Strides::any}, Precision::reorders, 0.02),
      .prepare = prepare<PackedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
