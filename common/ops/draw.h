#pragma once

#include "common/base/random.h"
#include "common/graph/op.h"

namespace paceline::ops {

// Random elements of an operand, in its domain and exact in its dtype: equal seeds give equal
// elements on every machine.
//
// normal: mean 0, deviation 1; integers of [-9, 9], [0, 9] when unsigned. uniform, index: [low,
// high). positive: [1/16, 4); integers of [1, 9]. distinct_index: no index twice along the last
// axis.
Tensor draw(const Sample::Operand& operand, Random& random);
std::vector<Tensor> draw(const Sample& sample, Random& random);

}  // namespace paceline::ops
