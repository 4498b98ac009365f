#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/graph/dim.h"
#include "common/graph/dtype.h"

namespace paceline {

// Extents from the slowest axis to the fastest; {} is a scalar.
using Shape = std::vector<Dim>;
using Extents = std::vector<std::int64_t>;  // A shape with its symbols bound.

Dim element_count(const Shape& shape);
std::int64_t element_count(const Extents& extents);
Extents evaluate(const Shape& shape, const Bindings& bindings);  // Throws on negative extents too.
std::string to_string(const Shape& shape);      // "[B,N,64]"
std::string to_string(const Extents& extents);  // "[2,40,64]"

// Numpy's rule, aligned at the last axis; symbolic extents must be equal or 1. Throws `invalid`.
Shape broadcast_shape(const Shape& a, const Shape& b);

// Strides in elements of a dense row-major tensor.
std::vector<Dim> row_major_strides(const Shape& shape);
std::vector<std::int64_t> row_major_strides(const Extents& extents);

// How the elements of a value lie in memory, as a fact that costs can depend on.
struct Layout {
  // Axes from slowest to fastest in memory; empty means row-major. {1, 0} is a stored transpose.
  std::vector<int> order;
  // The name of an opaque format that a kernel family defines ("packed/paceline-avx512-48x8");
  // empty for plain elements.
  std::string packing;

  friend auto operator<=>(const Layout&, const Layout&) = default;
  bool is_row_major() const { return order.empty() && packing.empty(); }
};

// What is known of a value before it exists.
struct TensorType {
  Dtype dtype = Dtype::f32;
  Shape shape;
  Layout layout = {};

  friend bool operator==(const TensorType&, const TensorType&) = default;
  std::string to_string() const;  // "f32[B,N,64]"
};

Dim size_bytes(const TensorType& type);

}  // namespace paceline
