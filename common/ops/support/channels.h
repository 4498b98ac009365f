#pragma once

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

// Vectors with an element for each channel of x[B,C,...].
namespace paceline::ops {

// Inputs 1, 2, ... are [C] and of x's dtype, a float; x has two axes or more.
void expect_channel_vectors(const OpInputs& in);
// A vector [C] as x's shape.
Value along_channels(const Value& vector, const Value& x);

}  // namespace paceline::ops
