#include <limits>

#include "kernels/cpu/support/reduction.h"

namespace paceline::kernels::cpu {
namespace {

// NaN wins.
struct Largest {
  template <typename A>
  static A start() {
    using Limits = std::numeric_limits<A>;
    return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  }
  template <typename A>
  A operator()(A best, A x) const {
    return best > x || best != best ? best : x;
  }
};

void run(const Call& call) {
  const TensorView& x = call.inputs[0];
  if (is_integer(x.dtype) && x.element_count() == 0 && call.outputs[0].element_count() > 0) {
    throw invalid("reduce_max: no integers to choose from: {}", to_string(x.shape()));
  }
  run_reduction<Largest>(call);
}

}  // namespace

Kernel reduce_max_plain() {
  Kernel kernel = reduction_kernel<Largest>("reduce_max");
  kernel.run = run;
  return kernel;
}

}  // namespace paceline::kernels::cpu
