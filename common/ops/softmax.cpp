#include <algorithm>
#include <cmath>

#include "common/ops/support/compose.h"
#include "common/ops/support/row_wise.h"

namespace paceline::ops {

namespace {

void softmax_row(std::span<double> row) {
  const double largest = *std::ranges::max_element(row);
  double sum = 0;
  for (double& x : row) sum += x = std::exp(x - largest);
  for (double& x : row) x /= sum;
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const std::int64_t axis = attributes.get<std::int64_t>("axis");
  const Value powers = apply("exp", in[0] - reduce("reduce_max", in[0], axis));
  return {powers / reduce("reduce_sum", powers, axis)};
}

}  // namespace

Op softmax() { return row_wise({.row = softmax_row, .decompose = decompose}); }

}  // namespace paceline::ops
