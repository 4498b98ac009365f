#include <algorithm>

#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel shift_right_plain() {
  return binary_kernel<Integers>("shift_right", [](std::int64_t a, std::int64_t b) -> std::int64_t {
    if (b < 0) throw invalid("shift_right: a shift may not be negative: {}", b);
    return a >> std::min<std::int64_t>(b, 63);
  });
}

}  // namespace paceline::kernels::cpu
