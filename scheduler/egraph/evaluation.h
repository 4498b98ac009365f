#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/graph/dim.h"
#include "common/graph/tensor.h"

namespace paceline::egraph {

// Test mode of an EGraph: every class keeps its value on random leaves, computed in double by
// Op::reference when its first node is added; every further node and every merge must agree with
// it, else `internal` names the rule, both terms and the difference.
//
// Agreement is |a - b| <= t * max(|a|, |b|, root mean square), NaN == NaN, inf == inf. t is 1e-9,
// and 16 * 2^-p more for values that arithmetic in a float of p bits made, since constants are
// rounded there (f32: 1e-6; sharp tests of rules use f64), or that rest on a `narrows` rule. Casts
// round as they do in a run. Bools and integers must be equal unless they rest on narrowed values.
struct Evaluation {
  Bindings bindings;  // For every symbol; extents that differ from each other see most.
  std::uint64_t seed = 1;
  // Leaves by name; the others are drawn: floats normal, weights of several axes over the root of
  // their larger extent, integers of [0, integers_below).
  std::map<std::string, Tensor, std::less<>> values = {};
  std::int64_t integers_below = 2;
  // Sprinkles NaN, infinities, -0 and large numbers over drawn floats: `exact` rules hold for them.
  bool specials = false;
};

}  // namespace paceline::egraph
