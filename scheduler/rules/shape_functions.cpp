#include <algorithm>

#include "scheduler/rules/arguments.h"

namespace paceline::rules {

namespace {

using Result = std::optional<Attribute>;

bool ends_with(const Shape& shape, const Shape& tail) {
  return tail.size() <= shape.size() && std::equal(tail.rbegin(), tail.rend(), shape.rbegin());
}

Dim count_of(const Shape& shape) { return element_count(shape); }

// `tail` with ones before it.
bool is_padded(const Shape& shape, const Shape& tail) {
  return ends_with(shape, tail) && std::all_of(shape.begin(), shape.end() - tail.size(),
                                               [](const Dim& extent) { return extent == 1; });
}

bool equal_but_last(const Shape& a, const Shape& b) {
  return !a.empty() && a.size() == b.size() && std::equal(a.begin(), a.end() - 1, b.begin());
}

bool ends_in_one_matrix(const Shape& a, const Shape& b) {
  return a.size() >= 2 && b.size() >= 2 && std::equal(a.end() - 2, a.end(), b.end() - 2);
}

bool is_broadcast_along(const Shape& from, const Shape& to, std::int64_t axis) {
  const auto place = place_of(axis, static_cast<int>(to.size()));
  if (!place) return false;
  const std::int64_t own = *place - static_cast<std::int64_t>(to.size() - from.size());
  return own < 0 || from[own] == 1;
}

// Extents of 1 from and to which elements do not move.
bool moves_only_ones(const Shape& shape, const Integers& order) {
  int last = -1;
  for (const std::int64_t axis : order) {
    const auto place = place_of(axis, static_cast<int>(shape.size()));
    if (!place) return false;
    if (shape[*place] == 1) continue;
    if (*place < last) return false;
    last = *place;
  }
  return order.size() == shape.size();
}

Dim length_of(const Dim& start, const Dim& stop, std::int64_t step, bool& is_known) {
  const Dim distance = step > 0 ? stop - start : start - stop;
  const std::int64_t stride = step > 0 ? step : -step;
  if (const auto fixed = distance.constant()) {
    return *fixed <= 0 ? 0 : (*fixed - 1) / stride + 1;
  }
  const auto length = distance.divide_exactly(stride);
  is_known = length.has_value();
  return length.value_or(0);
}

Result sliced(const Call& call) {
  Shape shape = call.shape(0);
  const auto axis = place_of(call.integer(1), static_cast<int>(shape.size()));
  if (!axis) return std::nullopt;
  bool is_known = true;
  shape[*axis] = length_of(call.dim(2), call.dim(3), call.integer(4), is_known);
  return is_known ? Result(shape) : std::nullopt;
}

Result joined(const Call& call) {
  Shape shape = call.shape(0);
  const Shape other = call.shape(1);
  const auto axis = place_of(call.integer(2), static_cast<int>(shape.size()));
  if (!axis || other.size() != shape.size()) return std::nullopt;
  shape[*axis] += other[*axis];
  return shape;
}

Result with_last(const Call& call) {
  Shape shape = call.shape(0);
  if (shape.empty()) return std::nullopt;
  shape.back() = call.dim(1);
  return shape;
}

Result extent(const Call& call) {
  const auto axis = place_of(call.integer(1), call.rank(0));
  return axis ? Result(call.shape_of(0)[*axis]) : std::nullopt;
}

// x's shape with ones in front, as long as a given one.
Result padded(const Call& call) {
  Shape shape = call.shape_of(0);
  const std::size_t rank = call.shape(1).size();
  if (shape.size() > rank) return std::nullopt;
  shape.insert(shape.begin(), rank - shape.size(), Dim(1));
  return shape;
}

Result last_two(const Call& call) {
  const Shape& shape = call.shape_of(0);
  if (shape.size() < 2) return std::nullopt;
  return Shape(shape.end() - 2, shape.end());
}

// The rows and columns of a product of matrices that are stored either way round.
Result product_shape(const Call& call) {
  Shape left = call.shape(0);
  const Shape right = call.shape(2);
  if (left.size() < 2 || right.size() < 2) return std::nullopt;
  if (call.boolean(1)) std::swap(left.end()[-1], left.end()[-2]);
  left.back() = right.end()[call.boolean(3) ? -2 : -1];
  return left;
}

// Of a matrix [K,N]; nullopt where a symbol says it.
Result column_count(const Call& call) {
  const auto count = call.shape_of(0).at(1).constant();
  return count ? Result(*count) : std::nullopt;
}

Dim out_extent(const Call& call) { return call.shape_of(0).at(call.boolean(1) ? 0 : 1); }

}  // namespace

egraph::Functions shape_functions() {
  FunctionTable table;
  const auto condition = [&](const char* name, bool (*holds)(const Call&)) {
    table.add(name, holds);
  };
  const auto function = [&](const char* name, Result (*compute)(const Call&)) {
    table.add(name, compute);
  };

  condition("has_shape", [](const Call& c) { return c.shape_of(0) == c.shape(1); });
  condition("has_rank", [](const Call& c) { return c.rank(0) == c.integer(1); });
  condition("has_axes", [](const Call& c) { return c.rank(0) >= c.integer(1); });
  condition("have_one_shape", [](const Call& c) { return c.shape_of(0) == c.shape_of(1); });
  condition("have_one_rank", [](const Call& c) { return c.rank(0) == c.rank(1); });
  condition("has_no_fewer_axes", [](const Call& c) { return c.rank(0) >= c.rank(1); });
  condition("same_count",
            [](const Call& c) { return count_of(c.shape_of(0)) == count_of(c.shape(1)); });
  condition("adds_leading_ones",
            [](const Call& c) { return is_padded(c.shape(1), c.shape_of(0)); });
  condition("moves_only_ones",
            [](const Call& c) { return moves_only_ones(c.shape_of(0), c.integers(1)); });
  condition("is_broadcast_along", [](const Call& c) {
    return is_broadcast_along(c.shape_of(0), c.shape(1), c.integer(2));
  });
  condition("ends_alike", [](const Call& c) {
    return ends_with(c.shape(1), c.shape_of(0)) && ends_with(c.shape(2), c.shape_of(0));
  });
  condition("keeps_last", [](const Call& c) {
    const Shape shape = c.shape(1);
    return c.rank(0) > 0 && !shape.empty() && c.shape_of(0).back() == shape.back();
  });
  condition("keeps_last_two_extents",
            [](const Call& c) { return ends_in_one_matrix(c.shape_of(0), c.shape(1)); });
  // x's shape with its last two extents exchanged.
  condition("is_shape_of_transpose", [](const Call& c) {
    Shape shape = c.shape_of(0);
    if (shape.size() < 2) return false;
    std::swap(shape.end()[-1], shape.end()[-2]);
    return shape == c.shape(1);
  });
  condition("have_one_batch", [](const Call& c) {
    const Shape &a = c.shape_of(0), &b = c.shape_of(1);
    return a.size() >= 2 && a.size() == b.size() && std::equal(a.begin(), a.end() - 2, b.begin());
  });
  condition("same_but_last",
            [](const Call& c) { return equal_but_last(c.shape_of(0), c.shape_of(1)); });
  condition("joins_last", [](const Call& c) {
    const Shape shape = c.shape(2);
    return equal_but_last(c.shape_of(0), c.shape_of(1)) && !shape.empty() &&
           shape.back() == c.shape_of(0).back() + c.shape_of(1).back();
  });
  // One element a column of a given shape.
  condition("has_shape_of_last", [](const Call& c) {
    const Shape shape = c.shape(1);
    return !shape.empty() && c.shape_of(0) == Shape{shape.back()};
  });
  condition("is_whole", [](const Call& c) {
    const auto axis = place_of(c.integer(1), c.rank(0));
    return axis && c.dim(2) == 0 && c.dim(3) == c.shape_of(0)[*axis];
  });
  condition("ends_at",
            [](const Call& c) { return c.rank(0) > 0 && c.shape_of(0).back() == c.dim(1); });
  condition("is_within", [](const Call& c) {
    const auto axis = place_of(c.integer(2), c.rank(1));
    return axis && is_known_at_least(c.shape_of(1)[*axis], c.dim(0));
  });
  condition("is_beyond", [](const Call& c) {
    const auto axis = place_of(c.integer(2), c.rank(1));
    return axis && is_known_at_least(c.dim(0), c.shape_of(1)[*axis]);
  });
  condition("are_ordered", [](const Call& c) {
    return is_known_at_least(c.dim(1), c.dim(0)) && is_known_at_least(c.dim(2), c.dim(1));
  });

  function("shape", [](const Call& c) -> Result { return c.shape_of(0); });
  function("extent", extent);
  function("sliced", sliced);
  function("joined", joined);
  function("with_last", with_last);
  function("padded", padded);
  function("last_two", last_two);
  function("product_shape", product_shape);
  function("out_extent", [](const Call& c) -> Result { return out_extent(c); });
  function("column_count", column_count);
  function("as_column", [](const Call& c) -> Result { return Shape{count_of(c.shape_of(0)), 1}; });
  function("plus", [](const Call& c) -> Result { return c.dim(0) + c.dim(1); });
  function("minus", [](const Call& c) -> Result { return c.dim(0) - c.dim(1); });
  return table.take();
}

}  // namespace paceline::rules
