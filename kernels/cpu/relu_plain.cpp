#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel relu_plain() { return unary_kernel<Floats>("relu", Relu{}); }

}  // namespace paceline::kernels::cpu
