#include "kernels/cpu/support/packed_plain.h"

namespace paceline::kernels::cpu {

Kernel linear_packed_residual_plain() {
  return packed_plain("linear_packed_residual", run_packed_plain<3>);
}

}  // namespace paceline::kernels::cpu
