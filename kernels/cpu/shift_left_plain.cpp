#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel shift_left_plain() {
  return binary_kernel<Integers>("shift_left", [](std::int64_t a, std::int64_t b) -> std::int64_t {
    if (b < 0) throw invalid("shift_left: a shift may not be negative: {}", b);
    return b > 63 ? 0 : static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
  });
}

}  // namespace paceline::kernels::cpu
