#include "kernels/cpu/support/norm_products.h"

namespace paceline::kernels::cpu {
namespace {

struct State : ActivationState {
  explicit State(const Attributes& attributes) : ActivationState(attributes), norm(attributes) {}
  RmsNorm norm;
};

// First what is gated, then the gate over it.
template <typename T>
void run_typed(const Call& call) {
  const State& state = call.state<State>();
  const TensorView normed = norm_rows<T>(call, state.norm);
  const TensorView& out = call.outputs[0];
  const TensorView gate[] = {normed, call.inputs[2]}, up[] = {normed, call.inputs[3]};
  multiply_rows<T>(call, up, out, state.transpose_weight, out,
                   [](Compute<T> sum, const Lane<const T>&, std::int64_t) { return sum; });
  visit_activation(state.activation, [&](auto activate) {
    multiply_rows<T>(call, gate, out, state.transpose_weight, out,
                     [&](Compute<T> sum, const Lane<const T>& gated, std::int64_t j) {
                       return activate(sum) * widen(gated[j]);
                     });
  });
}

void run(const Call& call) {
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace

Kernel norm_linears_gated_plain() {
  return {
      .info = plain_info("norm_linears_gated", Floats::list(),
                         {Strides::any, Strides::any, Strides::dense}, Precision::reorders, 0.03),
      .workspace_bytes = normed_bytes,
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
