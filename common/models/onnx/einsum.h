#pragma once

#include <string>
#include <vector>

#include "common/graph/graph.h"

namespace paceline::onnx {

// A sum of products over named axes, "bij,bjk->bik": pairs of operands from the left, each a
// batched matrix product. Knows "...", repeated names of one operand (a diagonal) and equations
// without
// "->". Throws `invalid` naming the equation and what does not fit.
Value einsum(const std::string& equation, std::vector<Value> operands);

}  // namespace paceline::onnx
