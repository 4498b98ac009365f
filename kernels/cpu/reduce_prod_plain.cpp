#include <functional>

#include "kernels/cpu/support/reduction.h"

namespace paceline::kernels::cpu {
namespace {

struct Product {
  template <typename A>
  static A start() {
    return 1;
  }
  template <typename A>
  A operator()(A total, A x) const {
    return wrapping(total, x, std::multiplies<>());
  }
};

}  // namespace

Kernel reduce_prod_plain() { return reduction_kernel<Product>("reduce_prod"); }

}  // namespace paceline::kernels::cpu
