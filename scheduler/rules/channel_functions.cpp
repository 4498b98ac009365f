#include <algorithm>

#include "scheduler/rules/arguments.h"

namespace paceline::rules {

namespace {

// A vector [M], reshaped and broadcast to [B,M,...], gives each channel its element.
bool is_along_channels(const Call& call) {
  const Shape reshaped = call.shape(1), whole = call.shape(2);
  if (call.rank(0) != 1 || whole.size() < 2 || reshaped.size() > whole.size()) return false;
  Shape wanted(whole.size(), 1);
  wanted[1] = call.shape_of(0)[0];
  if (wanted[1] != whole[1]) return false;
  const auto missing = static_cast<std::ptrdiff_t>(whole.size() - reshaped.size());
  return missing <= 1 && std::equal(reshaped.begin(), reshaped.end(), wanted.begin() + missing);
}

// One element of a vector for each filter of a weight.
std::optional<Attribute> as_filters(const Call& call) {
  Shape shape(call.rank(1), 1);
  shape[0] = call.shape_of(1)[0];
  return shape;
}

// The first of two constants unless it is the larger.
std::optional<Attribute> lower_of(const Call& call) {
  const auto low = call.splat(0), high = call.splat(1);
  if (!low || !high || !(*low <= *high)) return std::nullopt;
  return *low;
}

// Filters of 3x3, and images of so many tiles that a vector of them is filled.
bool suits_winograd(const Call& call) {
  constexpr std::int64_t extent_min = 14;
  const Shape &x = call.shape_of(0), &weight = call.shape_of(1);
  if (weight.size() != 4 || weight[2] != 3 || weight[3] != 3) return false;
  return std::all_of(x.begin() + 2, x.end(),
                     [](const Dim& extent) { return extent.constant().value_or(0) >= extent_min; });
}

}  // namespace

egraph::Functions channel_functions() {
  FunctionTable table;
  table.add("is_along_channels", is_along_channels);
  table.add("as_filters", as_filters);
  table.add("lower_of", lower_of);
  table.add("suits_winograd", suits_winograd);
  return table.take();
}

}  // namespace paceline::rules
