#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : transpose_weight(attributes.get<bool>("transpose_weight")) {}
  bool transpose_weight;
};

template <typename T>
void run_typed(const Call& call) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &out = call.outputs[0];
  const auto stored = matrix_of<const T>(weight, address(weight));
  const auto factor = call.state<State>().transpose_weight ? stored.transposed() : stored;
  const bool has_bias = call.inputs.size() > 2;
  const auto bias = [&](std::int64_t j) {
    return has_bias ? widen(call.inputs[2].as<T>()[j * call.inputs[2].strides[0]]) : 0;
  };
  for_each_lane<T, T>(x, out, x.rank - 1, [&](Lane<const T> row, Lane<T> result) {
    multiply_row(row, factor, [&](std::int64_t j, Compute<T> sum) {
      result[j] = static_cast<T>(sum + bias(j));
    });
  });
}

}  // namespace

Kernel linear_plain() {
  return {
      .info = plain_info("linear", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .prepare = prepare<State>,
      .run =
          [](const Call& call) {
            Floats::visit(call.inputs[0].dtype,
                          [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
          },
  };
}

}  // namespace paceline::kernels::cpu
