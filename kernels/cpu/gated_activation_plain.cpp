#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

template <typename F>
struct Gated {
  template <typename T>
  T operator()(T gate, T up) const {
    return F{}(gate)*up;
  }
};

void run(const Call& call) {
  visit_activation(call.state<State>().activation,
                   [&]<typename F>(F) { run_binary<Floats, Gated<F>>(call); });
}

}  // namespace

Kernel gated_activation_plain() {
  return {
      .info = plain_info("gated_activation", Floats::list()),
      .prepare = prepare<State>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
