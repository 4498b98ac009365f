#include <limits>

#include "kernels/cpu/support/reduction.h"

namespace paceline::kernels::cpu {
namespace {

// NaN wins.
struct Least {
  template <typename A>
  static A start() {
    using Limits = std::numeric_limits<A>;
    return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
  template <typename A>
  A operator()(A best, A x) const {
    return best < x || best != best ? best : x;
  }
};

void run(const Call& call) {
  const TensorView& x = call.inputs[0];
  if (is_integer(x.dtype) && x.element_count() == 0 && call.outputs[0].element_count() > 0) {
    throw invalid("reduce_min: no integers to choose from: {}", to_string(x.shape()));
  }
  run_reduction<Least>(call);
}

}  // namespace

Kernel reduce_min_plain() {
  Kernel kernel = reduction_kernel<Least>("reduce_min");
  kernel.run = run;
  return kernel;
}

}  // namespace paceline::kernels::cpu
