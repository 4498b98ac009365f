#pragma once

#include "common/graph/op.h"

namespace paceline::ops {

// Every op of the project; the build lists this folder. Any thread.
const OpSet& all_ops();

}  // namespace paceline::ops
