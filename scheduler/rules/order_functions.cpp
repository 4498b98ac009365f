#include <algorithm>
#include <numeric>
#include <set>

#include "scheduler/rules/arguments.h"

namespace paceline::rules {

namespace {

using Result = std::optional<Attribute>;

// An order with every axis counted from the first.
Integers positive(const Integers& order) {
  Integers axes = order;
  for (std::int64_t& axis : axes) {
    if (axis < 0) axis += static_cast<std::int64_t>(axes.size());
  }
  return axes;
}

bool is_identity_before(const Integers& order, std::size_t end) {
  const Integers axes = positive(order);
  for (std::size_t i = 0; i < end; ++i) {
    if (axes[i] != static_cast<std::int64_t>(i)) return false;
  }
  return true;
}

bool swaps_last_two(const Integers& order) {
  const Integers axes = positive(order);
  const auto rank = static_cast<std::int64_t>(axes.size());
  return rank >= 2 && is_identity_before(order, axes.size() - 2) && axes[rank - 2] == rank - 1 &&
         axes[rank - 1] == rank - 2;
}

bool keeps_last(const Integers& order, std::size_t count) {
  const Integers axes = positive(order);
  for (std::size_t i = axes.size() - std::min(count, axes.size()); i < axes.size(); ++i) {
    if (axes[i] != static_cast<std::int64_t>(i)) return false;
  }
  return axes.size() >= count;
}

Result permuted(const Call& call) {
  const Shape shape = call.shape(0);
  const Integers order = positive(call.integers(1));
  if (order.size() != shape.size()) return std::nullopt;
  Shape result;
  for (const std::int64_t axis : order) result.push_back(shape[axis]);
  return result;
}

// First one, then the other.
Result compose(const Call& call) {
  const Integers first = positive(call.integers(0)), second = positive(call.integers(1));
  if (first.size() != second.size()) return std::nullopt;
  Integers order;
  for (const std::int64_t axis : second) order.push_back(first[axis]);
  return order;
}

// Which axis stands at a place of the permuted value.
std::optional<std::int64_t> axis_at(std::int64_t place, const Integers& order) {
  const auto at = place_of(place, static_cast<int>(order.size()));
  if (!at) return std::nullopt;
  return from_last(positive(order)[*at], static_cast<int>(order.size()));
}

Result axes_at(const Call& call) {
  Integers axes;
  for (const std::int64_t place : call.integers(0)) {
    const auto axis = axis_at(place, call.integers(1));
    if (!axis) return std::nullopt;
    axes.push_back(*axis);
  }
  std::ranges::sort(axes);
  return axes;
}

// Where an axis goes.
Result place_of_axis(const Call& call) {
  const Integers order = positive(call.integers(1));
  const auto axis = place_of(call.integer(0), static_cast<int>(order.size()));
  const auto found = axis ? std::ranges::find(order, *axis) : order.end();
  if (found == order.end()) return std::nullopt;
  return from_last(found - order.begin(), static_cast<int>(order.size()));
}

Result counted_from_last(const Call& call) {
  const int rank = static_cast<int>(call.graph().facts(call.first_class(1)).type.shape.size());
  if (call.holds<std::int64_t>(0)) return from_last(call.integer(0), rank);
  Integers axes = call.integers(0);
  for (std::int64_t& axis : axes) axis = from_last(axis, rank);
  std::ranges::sort(axes);
  return axes;
}

bool counts_from_last(const Call& call) {
  if (call.holds<std::int64_t>(0)) return call.integer(0) < 0;
  const Integers& axes = call.integers(0);
  return std::ranges::is_sorted(axes) && (axes.empty() || axes.back() < 0);
}

Result both(const Call& call) {
  std::set<std::int64_t> axes;
  for (const std::size_t i : {0, 1}) {
    for (const std::int64_t axis : call.integers(i)) axes.insert(from_last(axis, call.rank(2)));
  }
  return Integers(axes.begin(), axes.end());
}

std::set<int> places(const Call& call, std::size_t axes, std::size_t value) {
  std::set<int> found;
  for (const std::int64_t axis : call.integers(axes)) {
    if (const auto place = place_of(axis, call.rank(value))) found.insert(*place);
  }
  return found;
}

bool is_shape_of_kept(const Call& call) {
  Shape shape = call.shape_of(1);
  for (const int axis : places(call, 2, 1)) shape[axis] = 1;
  return shape == call.shape(0);
}

Result without_axes(const Call& call) {
  const std::set<int> dropped = places(call, 1, 0);
  Shape shape;
  for (int axis = 0; axis < call.rank(0); ++axis) {
    if (!dropped.contains(axis)) shape.push_back(call.shape_of(0)[axis]);
  }
  return shape;
}

Result swapped(const Call& call) {
  if (call.rank(0) < 2) return std::nullopt;
  Integers order(call.rank(0));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order.end()[-1], order.end()[-2]);
  return order;
}

// The last axis of what is permuted stands before the last.
bool puts_last_before_last(const Integers& order) {
  const Integers axes = positive(order);
  return axes.size() >= 2 && axes.end()[-2] == static_cast<std::int64_t>(axes.size()) - 1;
}

Result last_swapped(const Call& call) {
  Integers order = positive(call.integers(0));
  if (order.size() < 2) return std::nullopt;
  std::swap(order.end()[-1], order.end()[-2]);
  return order;
}

}  // namespace

egraph::Functions order_functions() {
  FunctionTable table;
  const auto condition = [&](const char* name, bool (*holds)(const Call&)) {
    table.add(name, holds);
  };
  const auto function = [&](const char* name, Result (*compute)(const Call&)) {
    table.add(name, compute);
  };

  condition("is_identity",
            [](const Call& c) { return is_identity_before(c.integers(0), c.integers(0).size()); });
  condition("counts_from_first", [](const Call& c) {
    return std::ranges::all_of(c.integers(0), [](std::int64_t axis) { return axis >= 0; });
  });
  condition("counts_from_last", counts_from_last);
  condition("swaps_last_two", [](const Call& c) { return swaps_last_two(c.integers(0)); });
  condition("puts_last_before_last",
            [](const Call& c) { return puts_last_before_last(c.integers(0)); });
  condition("keeps_last_two", [](const Call& c) { return keeps_last(c.integers(0), 2); });
  condition("keeps_last_axis", [](const Call& c) { return keeps_last(c.integers(0), 1); });
  condition("is_before_last", [](const Call& c) { return c.integer(0) < -1; });
  condition("are_other_axes", [](const Call& c) {
    return place_of(c.integer(0), c.rank(2)) != place_of(c.integer(1), c.rank(2));
  });
  condition("is_only_axis", [](const Call& c) { return c.integers(1) == Integers{c.integer(0)}; });
  condition("is_shape_of_kept", is_shape_of_kept);

  function("permuted", permuted);
  function("compose", compose);
  function("from_first", [](const Call& c) -> Result { return positive(c.integers(0)); });
  function("from_last", counted_from_last);
  function("axis_at", [](const Call& c) -> Result { return axis_at(c.integer(0), c.integers(1)); });
  function("axes_at", axes_at);
  function("place_of", place_of_axis);
  function("both", both);
  function("without_axes", without_axes);
  function("swapped", swapped);
  function("last_swapped", last_swapped);
  function("not", [](const Call& c) -> Result { return !c.boolean(0); });
  function("only", [](const Call& c) -> Result {
    return c.integers(0).size() == 1 ? Result(c.integers(0)[0]) : std::nullopt;
  });
  return table.take();
}

}  // namespace paceline::rules
