#include "common/ops/support/activation.h"
#include "common/ops/support/compose.h"
#include "common/ops/support/elementwise.h"

namespace paceline::ops {

namespace {

std::vector<Value> decompose(GraphBuilder& b, std::span<const Value> in, const Attributes&) {
  const Value& x = in[0];
  return {combine("maximum", x, b.scalar(0, x.dtype()))};
}

}  // namespace

Op relu() {
  Op op = unary({.on_floats = activation_function("relu")});
  op.decompose = decompose;
  return op;
}

}  // namespace paceline::ops
