#pragma once

#include "common/graph/attributes.h"

namespace paceline {

// Equal in every bit. `==` on reals takes -0.0 for 0.0, and a NaN for no NaN: merging by it changes
// what a program computes.
bool are_same(const Attributes& a, const Attributes& b);

}  // namespace paceline
