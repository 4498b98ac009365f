#include "common/ops/support/blocked_convolution.h"

namespace paceline::ops {

// Atomic, as `pack_weight` is.
Op conv_blocked() { return BlockedConvolution{.has_residual = false}.op(); }

}  // namespace paceline::ops
