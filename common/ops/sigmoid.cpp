#include "common/ops/support/activation.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/elementwise.h"

namespace paceline::ops {

namespace {

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in, const Attributes&) {
  const Value& x = in[0];
  return {1.0 / (1.0 + apply("exp", -x))};
}

}  // namespace

Op sigmoid() {
  Op op = unary({.on_floats = activation_function("sigmoid")});
  op.decompose = decompose;
  return op;
}

}  // namespace paceline::ops
