#pragma once

#include <vector>

#include "common/graph/op.h"

namespace paceline::ops {

// Operands of equal type, over ranks, odd sizes, axes of extent 1 and the given dtypes; domains[i]
// is that of operand i. One sample is of moderate size (128 x 256).
std::vector<Sample> elementwise_samples(const std::vector<Dtype>& dtypes,
                                        const std::vector<Domain>& domains);

// Domains by the names that samples use.
inline constexpr Domain any_value = {};
inline constexpr Domain above_zero = {.kind = Domain::Kind::positive};
Domain between(double low, double high);
Domain index_below(double extent);
Domain distinct_below(double extent);

}  // namespace paceline::ops
