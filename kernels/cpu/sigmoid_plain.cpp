#include "kernels/cpu/support/activations.h"
#include "kernels/cpu/support/elementwise.h"

namespace paceline::kernels::cpu {

Kernel sigmoid_plain() { return unary_kernel<Floats>("sigmoid", Sigmoid{}); }

}  // namespace paceline::kernels::cpu
