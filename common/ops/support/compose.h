#pragma once

#include <string_view>

#include "common/graph/graph.h"

// Words for decompositions.
namespace paceline::ops {

Value apply(std::string_view op, const Value& x);
// Along one axis, which stays with extent 1.
Value reduce(std::string_view op, const Value& x, std::int64_t axis);
// Of the last axis, whose extent is fixed.
Value mean_of_last(const Value& x);
// Elementwise ops of operands that broadcast against each other.
Value combine(std::string_view op, const Value& a, const Value& b);
// `x` where `condition` holds, else `otherwise`; the condition broadcasts to x.
Value keep_where(const Value& condition, const Value& x, double otherwise);

}  // namespace paceline::ops
