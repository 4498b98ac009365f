#include "kernels/cpu/support/blocked_plain.h"

namespace paceline::kernels::cpu {

Kernel conv_blocked_plain() { return blocked_plain("conv_blocked"); }

}  // namespace paceline::kernels::cpu
