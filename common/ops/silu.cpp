#include "common/ops/support/activation.h"
#include "common/ops/support/elementwise.h"

namespace paceline::ops {

namespace {

std::vector<Value> decompose(GraphBuilder&, std::span<const Value> in, const Attributes&) {
  const Value& x = in[0];
  return {x * activate("sigmoid", x)};
}

}  // namespace

Op silu() {
  Op op = unary({.on_floats = activation_function("silu")});
  op.decompose = decompose;
  return op;
}

}  // namespace paceline::ops
