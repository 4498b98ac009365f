#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : is_tanh(attributes.get<std::string>("approximate") == "tanh") {}
  bool is_tanh;
};

void run(const Call& call) {
  call.state<State>().is_tanh ? run_unary<Floats, GeluTanh>(call) : run_unary<Floats, Gelu>(call);
}

}  // namespace

Kernel gelu_plain() {
  return {.info = plain_info("gelu", Floats::list()), .prepare = prepare<State>, .run = run};
}

}  // namespace paceline::kernels::cpu
