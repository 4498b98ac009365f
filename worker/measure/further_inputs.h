#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/graph/tensor.h"

namespace paceline {

using InputSet = std::map<std::string, Tensor>;

// Inputs unlike `given` on which answers are compared too, made of its values alone, so that
// indices stay in range and masks stay masks. Each element is drawn anew from the values of its
// tensor: once as they are, and once with floats a quarter of their size: where a graph adds what
// it computes to its input, an error is a larger share of a smaller sum.
std::vector<InputSet> further_inputs(const InputSet& given, std::uint64_t seed);

}  // namespace paceline
