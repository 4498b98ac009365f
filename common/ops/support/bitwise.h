#pragma once

#include <cstdint>

#include "common/graph/op.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

// Elementwise on two integers of equal dtype, in 64 bits, of which the lowest stay.
struct Bitwise {
  std::int64_t (*function)(std::int64_t, std::int64_t);
  bool commutes = true;  // And associates.
  Domain second = {};
};
Op bitwise(const Bitwise& bitwise);

void expect_integers(const TensorType& type);
std::vector<Dtype> integer_dtypes();

}  // namespace paceline::ops
