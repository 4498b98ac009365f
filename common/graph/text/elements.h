#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/graph/shape.h"
#include "common/graph/tensor.h"

namespace paceline {

// Elements as text that reads back to the same bits: shortest decimal, "inf", "nan", and
// "0x7fc00001" for the bits of any other NaN; true and false.
std::string elements_text(const Tensor& tensor);  // "0.5" for a scalar, else "[1,2,3]".
// Throws `invalid` for what is no element of the dtype and for another count than the type's.
Tensor parse_elements(const TensorType& type, const std::vector<std::string>& words);
double parse_real(std::string_view word);

}  // namespace paceline
