#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/random.h"
#include "scheduler/search/space.h"

namespace paceline::search {

struct LayerOptions {
  int layouts = 4;  // Forms of each value that views lead to and from: reshaped, permuted.
  int kernels = 3;  // Rivals for each way to compute one.
  int chain = 4;    // Factors of the products that associativity regroups.
  double view_cost_s = 0;
};

// A space as the e-graph of one Gemma-like transformer layer has it: values in several layouts with
// views both ways (so it has cycles), composites beside their parts, fused neighbours, merged
// parallel matmuls and regrouped products, each with rival kernels.
Space layer_space(const LayerOptions& options, Random& random);

}  // namespace paceline::search
