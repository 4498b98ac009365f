#include <numeric>

#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

namespace {

using Integers = std::vector<std::int64_t>;
using Names = std::vector<std::string_view>;

// A view op, to be applied to more than one value.
struct Move {
  std::string_view op;
  Attributes attributes;
};

Value apply(Pool& pool, const Move& move, const Value& x) {
  return pool.op(move.op, {x}, move.attributes);
}

Move a_permute(Pool& pool, const Value& x) {
  Integers order(x.rank());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[pool.below(static_cast<std::int64_t>(i))]);
  }
  if (pool.chance(0.2) && !order.empty()) order[0] -= x.rank();
  return {"permute", {{"order", order}}};
}

Move a_reshape(Pool& pool, const Value& x) {
  Shape shape = x.shape();
  const std::size_t at = pool.below(x.rank());
  const auto extent = shape[at].constant();
  if (shape.size() >= 2 && pool.chance(0.4)) {
    const std::size_t next = at + 1 < shape.size() ? at : at - 1;
    shape[next] *= shape[next + 1];
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(next) + 1);
  } else if (extent && *extent % 2 == 0 && shape.size() < 5 && pool.chance(0.5)) {
    shape[at] = *extent / 2;
    shape.insert(shape.begin() + static_cast<std::ptrdiff_t>(at), 2);
  } else if (shape.size() < 5) {
    shape.insert(shape.begin() + pool.below(x.rank() + 1), 1);
  }
  return {"reshape", {{"shape", shape}}};
}

Move a_slice(Pool& pool, const Value& x) {
  const std::int64_t axis = pool.below(x.rank());
  const auto extent = x.dim(static_cast<int>(axis)).constant();
  Attributes attributes{{"axis", pool.chance(0.3) ? axis - x.rank() : axis}};
  attributes.set("start", Dim(0));
  attributes.set("stop", x.dim(static_cast<int>(axis)));
  if (!extent) return {"slice", attributes};
  if (pool.chance(0.2)) {
    attributes.set("start", Dim(*extent - 1));
    attributes.set("stop", Dim(-1));
    attributes.set("step", std::int64_t{-1});
    return {"slice", attributes};
  }
  const std::int64_t start = pool.below(*extent);
  attributes.set("start", Dim(start));
  attributes.set("stop", Dim(start + 1 + pool.below(*extent - start)));
  attributes.set("step", 1 + pool.below(2));
  return {"slice", attributes};
}

Move a_broadcast(Pool& pool, const Value& x) {
  Shape shape = x.shape();
  for (Dim& extent : shape) {
    if (extent == 1 && pool.chance(0.6)) extent = 3;
  }
  if (shape.size() < 4 && pool.chance(0.6)) shape.insert(shape.begin(), pool.chance(0.5) ? 2 : 1);
  return {"broadcast", {{"shape", shape}}};
}

Move a_move(Pool& pool, const Value& x) {
  switch (pool.below(5)) {
    case 0:
    case 1:
      return a_permute(pool, x);
    case 2:
      return a_reshape(pool, x);
    case 3:
      return a_slice(pool, x);
    default:
      return a_broadcast(pool, x);
  }
}

Value moved(Pool& pool, const Value& x) { return apply(pool, a_move(pool, x), x); }

void moves(Pool& pool) {
  Value x = pool.any();
  for (std::int64_t i = 1 + pool.below(3); i >= 0; --i) x = moved(pool, x);
  pool.keep(x);
}

void same_move_twice(Pool& pool) {
  const Value x = pool.any();
  Move (*const move)(Pool&, const Value&) = pool.one_of(
      std::vector<Move (*)(Pool&, const Value&)>{a_permute, a_reshape, a_slice, a_broadcast});
  const Value once = apply(pool, move(pool, x), x);
  pool.keep(apply(pool, move(pool, once), once));
}

void moved_arithmetic(Pool& pool) {
  const Value x = pool.any();
  Value y = x;
  switch (pool.below(4)) {
    case 0:
      y = pool.op(pool.one_of(Names{"neg", "exp", "tanh", "silu", "abs"}), {x});
      break;
    case 1:
      y = pool.op(pool.one_of(Names{"add", "mul", "sub", "maximum"}), {x, pool.like(x)});
      break;
    case 2:
      y = pool.op(pool.one_of(Names{"add", "mul", "div"}), {x, pool.special(x)});
      break;
    default:
      y = pool.op("cast", {x}, {{"dtype", Dtype::f32}});
  }
  y = moved(pool, y);
  pool.keep(y.cast(pool.dtype));
}

// The same move on either side of an elementwise op, or nearly.
void arithmetic_of_moved(Pool& pool) {
  const Value x = pool.any(), y = pool.like(x);
  const Move move = a_move(pool, x);
  const Value other = pool.is_off() ? moved(pool, y) : apply(pool, move, y);
  pool.keep(pool.op(pool.one_of(Names{"add", "mul", "sub", "div"}), {apply(pool, move, x), other}));
}

void cut_and_joined(Pool& pool) {
  const Value x = pool.any();
  const int axis = static_cast<int>(pool.below(x.rank()));
  const auto extent = x.dim(axis).constant();
  if (!extent || *extent < 2) return;
  const std::int64_t at = 1 + pool.below(*extent - 1);
  Value a = x.slice(axis, 0, at), b = x.slice(axis, pool.is_off() ? at - 1 : at, *extent);
  if (pool.is_off()) std::swap(a, b);
  const std::int64_t joined = pool.chance(0.3) ? axis - x.rank() : axis;
  pool.keep(pool.op("concat", {a, b}, {{"axis", joined}}));
}

void joined_and_cut(Pool& pool) {
  const Value x = pool.any();
  const std::int64_t axis = pool.below(x.rank());
  const Value joined = pool.op("concat", {x, pool.like(x), pool.like(x)}, {{"axis", axis}});
  const auto extent = x.dim(static_cast<int>(axis)).constant();
  if (!extent) return pool.keep(moved(pool, joined));
  const std::int64_t start = pool.is_off() ? 1 : *extent * pool.below(3);
  const std::int64_t stop = pool.chance(0.3) ? 3 * *extent : start + *extent;
  pool.keep(joined.slice(static_cast<int>(axis), start, stop));
}

void joined_arithmetic(Pool& pool) {
  const Value x = pool.any();
  const std::int64_t axis = pool.below(x.rank());
  const std::string_view name = pool.one_of(Names{"neg", "exp", "tanh", "cos"});
  const Value joined = pool.op("concat", {x, pool.like(x)}, {{"axis", axis}});
  pool.keep(pool.op(name, {joined}));
  pool.keep(pool.op("concat", {pool.op(name, {x}), pool.op(name, {pool.like(x)})},
                    {{"axis", pool.is_off() ? 0 : axis}}));
  pool.keep(joined * pool.op("concat", {pool.like(x), pool.like(x)}, {{"axis", axis}}));
}

void reductions(Pool& pool) {
  static const Names names = {"reduce_sum", "reduce_max", "reduce_min"};
  const Value x = pool.any();
  const std::string_view name = pool.one_of(names);
  const bool keep_dims = pool.chance(0.5);
  Value inner = x;
  switch (pool.below(6)) {
    case 0:
      inner = apply(pool, a_permute(pool, x), x);
      break;
    case 1:
      inner = apply(pool, a_broadcast(pool, x), x);
      break;
    case 2:
      inner = x * pool.special(x);
      break;
    case 3:
      inner = -x;
      break;
    case 4:
      inner = x + pool.like(x);
      break;
    default:
      inner = apply(pool, a_reshape(pool, x), x);
  }
  Value y = pool.reduce(
      name, inner, pool.below(inner.rank()) - (pool.chance(0.3) ? inner.rank() : 0), keep_dims);
  if (y.rank() > 0 && pool.chance(0.5)) {
    y = pool.reduce(pool.is_off() ? pool.one_of(names) : name, y, pool.below(y.rank()),
                    pool.chance(0.5));
  }
  pool.keep(y);
}

void gathers(Pool& pool) {
  const Value x = pool.any();
  const std::int64_t axis = pool.below(x.rank());
  const auto extent = x.dim(static_cast<int>(axis)).constant();
  if (!extent) return;
  std::vector<std::int64_t> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(pool.below(*extent));
  const Value index = pool.builder.constant(Tensor::of<std::int64_t>({3}, ids));
  pool.keep(pool.op("gather", {x, index}, {{"axis", axis}}));
  pool.keep(pool.op("cumsum", {x}, {{"axis", axis}}));
}

}  // namespace

std::vector<Motif> movement_motifs() {
  return {moves,          same_move_twice, moved_arithmetic, arithmetic_of_moved,
          cut_and_joined, joined_and_cut,  reductions,       joined_arithmetic,
          gathers};
}

}  // namespace paceline::test
