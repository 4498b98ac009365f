#include "kernels/cpu/support/packed_plain.h"

namespace paceline::kernels::cpu {

Kernel linear_packed_plain() { return packed_plain("linear_packed", run_packed_plain<2>); }

}  // namespace paceline::kernels::cpu
