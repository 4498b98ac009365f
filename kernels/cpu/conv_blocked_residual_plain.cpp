#include "kernels/cpu/support/blocked_plain.h"

namespace paceline::kernels::cpu {

Kernel conv_blocked_residual_plain() { return blocked_plain("conv_blocked_residual"); }

}  // namespace paceline::kernels::cpu
