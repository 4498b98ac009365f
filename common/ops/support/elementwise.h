#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/op.h"

// Ops whose output elements each depend on the same element of every operand, made from a scalar
// function. Operands have equal types.
namespace paceline::ops {

struct Unary {
  double (*on_floats)(double);
  std::int64_t (*on_integers)(std::int64_t) = nullptr;  // Null: floats only.
  Domain domain = {};
  bool needs_sign = false;  // Not for u8.
};
Op unary(const Unary& unary);

struct Binary {
  double (*on_floats)(double, double);
  std::int64_t (*on_integers)(std::int64_t, std::int64_t) = nullptr;  // Null: floats only.
  std::vector<Domain> domains = {{}, {}};
  bool commutative = false;
  bool associative = false;
};
Op binary(const Binary& binary);

struct Comparison {
  bool (*on_floats)(double, double);
  bool (*on_integers)(std::int64_t, std::int64_t);  // Also for bool, as 0 and 1.
  bool commutative = false;
};
Op comparison(const Comparison& comparison);

Op predicate(bool (*of_float)(double));  // Of one operand, floats only.

Op logical(bool (*function)(bool, bool));  // Commutative and associative.

// Integers wrap around, without the undefined behaviour of signed overflow.
std::int64_t wrapping_add(std::int64_t a, std::int64_t b);
std::int64_t wrapping_sub(std::int64_t a, std::int64_t b);
std::int64_t wrapping_mul(std::int64_t a, std::int64_t b);

}  // namespace paceline::ops
