#pragma once

#include <cstdint>

#include "common/graph/op.h"

namespace paceline::ops {

// Ops that combine the elements along `axes` by an associative, commutative function.
struct Reduction {
  double (*on_floats)(double, double);
  std::int64_t (*on_integers)(std::int64_t, std::int64_t);
  double float_start;
  std::int64_t integer_start;
  bool needs_integers = false;  // Combining no integers is an error.
};
Op reduction(const char* name, const Reduction& reduction);

}  // namespace paceline::ops
