#include <algorithm>
#include <cmath>

#include "common/ops/support/compose.h"
#include "common/ops/support/row_wise.h"

namespace paceline::ops {

namespace {

void log_softmax_row(std::span<double> row) {
  const double largest = *std::ranges::max_element(row);
  double sum = 0;
  for (const double x : row) sum += std::exp(x - largest);
  for (double& x : row) x = x - largest - std::log(sum);
}

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in,
                             const Attributes& attributes) {
  const std::int64_t axis = attributes.get<std::int64_t>("axis");
  const Value shifted = in[0] - reduce("reduce_max", in[0], axis);
  return {shifted - apply("log", reduce("reduce_sum", apply("exp", shifted), axis))};
}

}  // namespace

Op log_softmax() { return row_wise({.row = log_softmax_row, .decompose = decompose}); }

}  // namespace paceline::ops
