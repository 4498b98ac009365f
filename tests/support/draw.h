#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/op.h"

namespace paceline::test {

// Random elements of the operand's domain, the same for the same generator. Integers of a normal
// domain lie within [-4, 4], so that sums and products of i8 seldom wrap around; u8 takes their
// magnitude.
Tensor draw(const Sample::Operand& operand, Random& random);

std::vector<Tensor> draw_inputs(const Sample& sample, std::uint64_t seed);

}  // namespace paceline::test
