#include "common/ops/support/blocked_convolution.h"

namespace paceline::ops {

// Atomic, as `pack_weight` is.
Op conv_blocked_residual() { return BlockedConvolution{.has_residual = true}.op(); }

}  // namespace paceline::ops
