#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel silu_plain() { return unary_kernel<Floats>("silu", Silu{}); }

}  // namespace paceline::kernels::cpu
