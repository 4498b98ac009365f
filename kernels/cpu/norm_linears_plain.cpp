#include "kernels/cpu/support/norm_products.h"

namespace paceline::kernels::cpu {
namespace {

struct State : AffineState {
  explicit State(const Attributes& attributes)
      : AffineState(attributes), norm(attributes), has_bias(attributes.get<bool>("has_bias")) {}
  RmsNorm norm;
  bool has_bias;
};

template <typename T>
void run_typed(const Call& call) {
  const State& state = call.state<State>();
  const TensorView normed = norm_rows<T>(call, state.norm);
  const std::size_t count = call.outputs.size();
  for (std::size_t i = 0; i < count; ++i) {
    const TensorView operands[] = {normed, call.inputs[2 + i],
                                   state.has_bias ? call.inputs[2 + count + i] : TensorView{}};
    multiply_rows<T>(call, std::span(operands, state.has_bias ? 3 : 2), call.outputs[i],
                     state.transpose_weight, call.outputs[i],
                     [](Compute<T> sum, const Lane<const T>&, std::int64_t) { return sum; });
  }
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace

Kernel norm_linears_plain() {
  return {
      .info = plain_info("norm_linears", Floats::list(),
                         {Strides::any, Strides::any, Strides::dense}, Precision::reorders, 0.03),
      .workspace_bytes = normed_bytes,
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
