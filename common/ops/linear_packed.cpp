#include "common/ops/support/packing.h"

namespace paceline::ops {

// Atomic: see pack_weight.cpp.
Op linear_packed() { return PackedProduct{}.op(); }

}  // namespace paceline::ops
