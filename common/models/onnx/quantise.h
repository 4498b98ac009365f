#pragma once

#include "common/models/onnx/lower.h"

// Integers that stand for (integer - zero point) * scale.
namespace paceline::onnx {

// Operand `i` less its zero point, operand `zero` if there is one, in doubles, which hold all sums
// of products of 8-bit integers. A zero point of several elements goes along `axis`.
Value centered(const Call& call, std::size_t i, std::size_t zero, int axis);

// round(x / scale) + zero point, within the range of the zero point's type.
Value quantised(const Value& x, const Value& scale, const Value& zero_point);

// A vector along `axis` of a tensor of rank `rank`; a single element as a scalar.
Value along_axis(const Value& vector, int axis, int rank);

}  // namespace paceline::onnx
