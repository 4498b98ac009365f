#pragma once

#include <string_view>

#include "common/ops/support/infer.h"

// What `conv_winograd` and `conv_winograd_blocked` share.
namespace paceline::ops {

// Pads, and what follows the convolution.
std::vector<AttributeSpec> winograd_attributes();
// With as many pads on both axes; what clips does so at six.
Sample winograd_sample(std::vector<Sample::Operand> inputs, std::string_view activation,
                       std::int64_t low, std::int64_t high);

}  // namespace paceline::ops
