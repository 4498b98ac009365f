#include <algorithm>

#include "scheduler/rules/arguments.h"
#include "scheduler/rules/sight.h"

namespace paceline::rules {

namespace {

using Result = std::optional<Attribute>;

// `tail` with ones before it.
bool is_padded(const Shape& shape, const Shape& tail) {
  return tail.size() <= shape.size() && std::equal(tail.rbegin(), tail.rend(), shape.rbegin()) &&
         std::all_of(shape.begin(), shape.end() - static_cast<std::ptrdiff_t>(tail.size()),
                     [](const Dim& extent) { return extent == 1; });
}

bool are_halves(const Call& call) {
  return call.rank(0) > 0 && call.shape_of(0).back() == call.dim(2) &&
         2 * call.dim(1) == call.dim(2);
}

// Tables of one angle for each position of x and pair of its elements.
bool are_angles(const Call& call) {
  const Shape &x = call.shape_of(0), &table = call.shape_of(1);
  if (x.size() < 2 || table.size() < 2 || table != call.shape_of(2)) return false;
  return 2 * table.back() == x.back() && is_padded(table, {x.end()[-2], table.back()});
}

// x's shape with its last axis cut into two.
bool cuts_last(const Shape& x, const Shape& cut, int two_at) {
  if (x.empty() || cut.size() != x.size() + 1 || !std::equal(x.begin(), x.end() - 1, cut.begin())) {
    return false;
  }
  const Dim &two = cut.end()[two_at], &half = cut.end()[two_at == -1 ? -2 : -1];
  return two == 2 && 2 * half == x.back();
}

bool are_pairs(const Call& call) {
  return cuts_last(call.shape_of(0), call.shape(1), call.boolean(2) ? -1 : -2);
}

bool are_angles_of_pairs(const Call& call) {
  const Shape& table = call.shape_of(0);
  if (table.size() < 2) return false;
  const Dim &positions = table.end()[-2], &pairs = table.back();
  const Shape tail = call.boolean(2) ? Shape{positions, pairs, 1} : Shape{positions, 1, pairs};
  return is_padded(call.shape(1), tail);
}

// One column of every other element of x.
bool are_columns(const Call& call) {
  Shape pairs = call.shape(1);
  if (pairs.empty() || pairs.back() != 1) return false;
  pairs.back() = 2;
  return cuts_last(call.shape_of(0), pairs, -1);
}

// q[B,H,N,D] with the heads of a group one below the other, and back: see attention's
// decomposition.
bool are_grouped(const Call& call) {
  const Shape &q = call.shape_of(0), &k = call.shape_of(1), &v = call.shape_of(2);
  if (q.size() != 4 || k.size() != 4 || v.size() != 4) return false;
  const auto heads_per_group = q[1].divide_exactly(k[1]);
  if (!heads_per_group) return false;
  const Dim rows = *heads_per_group * q[2];
  return call.shape(3) == Shape{q[0], k[1], rows, q[3]} &&
         call.shape(4) == Shape{q[0], q[1], q[2], k[2]} &&
         call.shape(5) == Shape{q[0], k[1], rows, k[2]} &&
         call.shape(6) == Shape{q[0], q[1], q[2], v[3]};
}

// [B,G,L,D] as [B,G,1,L,D], spread to [B,G,r,L,D] and seen as [B,G*r,L,D].
bool repeats_heads(const Call& call) {
  const Shape& k = call.shape_of(0);
  const Shape spread = call.shape(2);
  if (k.size() != 4 || spread.size() != 5) return false;
  const Dim& repeats = spread[2];
  return call.shape(1) == Shape{k[0], k[1], 1, k[2], k[3]} &&
         spread == Shape{k[0], k[1], repeats, k[2], k[3]} &&
         call.shape(3) == Shape{k[0], k[1] * repeats, k[2], k[3]};
}

bool spreads_one_head(const Call& call) {
  const Shape& k = call.shape_of(0);
  const Shape spread = call.shape(1);
  return k.size() == 4 && spread.size() == 4 && k[1] == 1 &&
         spread == Shape{k[0], spread[1], k[2], k[3]};
}

Result with_four_axes(const Call& call) {
  Shape shape = call.shape_of(0);
  if (shape.size() > 4) return std::nullopt;
  shape.insert(shape.begin(), 4 - shape.size(), Dim(1));
  return shape;
}

// Of a mask over the queries of q and the keys of k.
std::optional<PositionMask> mask_of(const Call& call) {
  if (call.rank(1) < 2 || call.rank(2) < 2) return std::nullopt;
  return position_mask(call.graph(), call.id(0), call.shape_of(1).end()[-2],
                       call.shape_of(2).end()[-2]);
}

}  // namespace

egraph::Functions head_functions() {
  FunctionTable table;
  const auto condition = [&](const char* name, bool (*holds)(const Call&)) {
    table.add(name, holds);
  };
  const auto function = [&](const char* name, Result (*compute)(const Call&)) {
    table.add(name, compute);
  };

  condition("are_halves", are_halves);
  condition("are_angles", are_angles);
  condition("are_pairs", are_pairs);
  condition("are_angles_of_pairs", are_angles_of_pairs);
  condition("are_columns", are_columns);
  condition("are_grouped", are_grouped);
  condition("repeats_heads", repeats_heads);
  condition("spreads_one_head", spreads_one_head);
  condition("has_one_query", [](const Call& c) { return c.rank(0) == 4 && c.shape_of(0)[2] == 1; });
  condition("is_causal", [](const Call& c) {
    const auto mask = mask_of(c);
    return mask && mask->is_causal && mask->window == 0;
  });

  function("with_four_axes", with_four_axes);
  function("sight_is_causal", [](const Call& c) -> Result {
    const auto mask = mask_of(c);
    return mask ? Result(mask->is_causal) : std::nullopt;
  });
  function("sight_window", [](const Call& c) -> Result {
    const auto mask = mask_of(c);
    return mask ? Result(mask->window) : std::nullopt;
  });
  return table.take();
}

}  // namespace paceline::rules
