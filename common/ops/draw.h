#pragma once

#include <cstdint>
#include <vector>

#include "common/base/random.h"
#include "common/graph/op.h"

namespace paceline::ops {

// A prime, so that no two rows of a matrix are alike.
inline constexpr std::int64_t drawn_reals_max = 4'194'301;

// Random elements of an operand, in its domain and exact in its dtype: equal seeds give equal
// elements on every machine.
//
// normal: mean 0, deviation 1; integers of [-9, 9], [0, 9] when unsigned. uniform, index: [low,
// high). positive: [1/16, 4); integers of [1, 9]. distinct_index: no index twice along the last
// axis. Floats repeat after drawn_reals_max.
Tensor draw(const Sample::Operand& operand, Random& random);
std::vector<Tensor> draw(const Sample& sample, Random& random);

}  // namespace paceline::ops
