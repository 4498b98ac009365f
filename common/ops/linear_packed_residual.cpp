#include "common/ops/support/packing.h"

namespace paceline::ops {

// activation(x times the packed weight + bias + residual). Atomic: see pack_weight.cpp.
Op linear_packed_residual() { return PackedProduct{.has_residual = true}.op(); }

}  // namespace paceline::ops
