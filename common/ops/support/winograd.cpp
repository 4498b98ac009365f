#include "common/ops/support/winograd.h"

#include <string>
#include <utility>

#include "common/ops/support/convolution.h"

namespace paceline::ops {

std::vector<AttributeSpec> winograd_attributes() {
  std::vector<AttributeSpec> attributes = {{"pads_low", AttributeKind::integers},
                                           {"pads_high", AttributeKind::integers}};
  for (const AttributeSpec& spec : FinalActivation::attributes()) attributes.push_back(spec);
  return attributes;
}

Sample winograd_sample(std::vector<Sample::Operand> inputs, std::string_view activation,
                       std::int64_t low, std::int64_t high) {
  return {std::move(inputs),
          {{"pads_low", Integers{low, low}},
           {"pads_high", Integers{high, high}},
           {"activation", std::string(activation)},
           {"high", 6.0}}};
}

}  // namespace paceline::ops
