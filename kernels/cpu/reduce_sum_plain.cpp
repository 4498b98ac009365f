#include <functional>

#include "kernels/cpu/support/reduction.h"

namespace paceline::kernels::cpu {
namespace {

struct Sum {
  template <typename A>
  static A start() {
    return 0;
  }
  template <typename A>
  A operator()(A total, A x) const {
    return wrapping(total, x, std::plus<>());
  }
};

}  // namespace

Kernel reduce_sum_plain() { return reduction_kernel<Sum>("reduce_sum"); }

}  // namespace paceline::kernels::cpu
