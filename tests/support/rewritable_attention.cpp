#include <cmath>
#include <limits>

#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double lowest = -3.4028234663852886e38;
using Names = std::vector<std::string_view>;

Value positions(Pool& pool, const Dim& extent) { return pool.op("iota", {}, {{"extent", extent}}); }

// bool[N,N]: which keys a query sees, or nearly.
Value sees(Pool& pool) {
  const Dim& n = pool.rows;
  const bool turned = pool.is_off();
  const Value rows = positions(pool, n).reshape(turned ? Shape{1, n} : Shape{n, 1});
  const Value columns = positions(pool, n).reshape(turned ? Shape{n, 1} : Shape{1, n});
  const Shape shape{n, n};
  const auto compare = [&](std::string_view name, const Value& a, const Value& b) {
    return pool.op(name, {a.broadcast(shape), b.broadcast(shape)});
  };
  Value seen = pool.chance(0.5) ? compare(pool.is_off() ? "less" : "less_equal", columns, rows)
                                : compare("greater_equal", rows, columns);
  if (pool.chance(0.3)) {
    const double window = pool.one_of<double>({1, 2, 3});
    seen = pool.op("logical_and", {seen, compare("greater", columns, rows - window)});
  }
  return seen;
}

Value causal_mask(Pool& pool) {
  const Value seen = sees(pool);
  const double hidden = pool.one_of<double>({-infinity, lowest, -1e9, -1});
  const Value zero = pool.builder.scalar(0, pool.dtype).broadcast(seen.shape());
  const Value filler = pool.builder.scalar(hidden, pool.dtype).broadcast(seen.shape());
  if (hidden == lowest && pool.chance(0.5)) {
    return filler * pool.op("logical_not", {seen}).cast(pool.dtype);
  }
  return pool.op("where", {seen, zero, filler});
}

void masks(Pool& pool) {
  const Value x = pool.value({pool.batch, 2, pool.rows, pool.rows});
  Value scores = x + causal_mask(pool);
  if (pool.chance(0.5)) {
    const Value filler = pool.number(pool.one_of<double>({-infinity, lowest, 0}), x);
    scores = pool.op("where", {sees(pool).broadcast(x.shape()), x, filler});
  }
  pool.keep(pool.op("softmax", {scores}, {{"axis", std::int64_t{pool.is_off() ? 2 : -1}}}));
}

// Each head of keys or values for `times` heads of queries, or with heads and copies swapped.
Value repeat_heads(Pool& pool, const Value& x, std::int64_t times) {
  const Shape& s = x.shape();
  if (pool.is_off()) {
    return x.reshape({s[0], 1, s[1], s[2], s[3]})
        .broadcast({s[0], times, s[1], s[2], s[3]})
        .reshape({s[0], times * s[1], s[2], s[3]});
  }
  return x.reshape({s[0], s[1], 1, s[2], s[3]})
      .broadcast({s[0], s[1], times, s[2], s[3]})
      .reshape({s[0], s[1] * times, s[2], s[3]});
}

Value scaled(Pool& pool, Value x) {
  switch (pool.below(4)) {
    case 0:
      return x / pool.about(2, x);
    case 1:
      return x * pool.about(0.5, x);
    case 2:
      return std::sqrt(0.5) * x;
    default:
      return x;
  }
}

void attention_steps(Pool& pool) {
  const std::int64_t heads = 4, groups = pool.one_of<std::int64_t>({1, 2, 4});
  const Dim& n = pool.rows;
  const Value q = pool.value({pool.batch, heads, n, 4});
  Value k = pool.value({pool.batch, groups, n, 4});
  Value v = pool.value({pool.batch, groups, n, 4});
  if (groups < heads) {
    k = repeat_heads(pool, k, heads / groups);
    v = repeat_heads(pool, v, heads / groups);
  }
  const Value scores = pool.chance(0.5)
                           ? matmul(scaled(pool, q), scaled(pool, k.permute({0, 1, 3, 2})))
                           : scaled(pool, matmul(q, k, false, true));
  Value masked = scores;
  switch (pool.below(4)) {
    case 0:
      masked = scores + causal_mask(pool);
      break;
    case 1:
      masked = pool.op("where", {sees(pool).broadcast(scores.shape()), scores,
                                 pool.number(pool.chance(0.5) ? -infinity : lowest, scores)});
      break;
    case 2:
      masked = scores + pool.value(pool.one_of(std::vector<Shape>{
                            {n, n}, {pool.batch, 1, 1, n}, {pool.batch, 1, n, n}, {1}}));
      break;
    default:
      break;
  }
  const Value weights =
      pool.op("softmax", {masked}, {{"axis", std::int64_t{pool.is_off() ? -2 : -1}}});
  const Value y = matmul(weights, v);
  pool.keep(pool.chance(0.5) ? y.permute({0, 2, 1, 3}) : y);
}

void attentions(Pool& pool) {
  const std::int64_t heads = 4, groups = pool.one_of<std::int64_t>({1, 2, 4});
  const Value q = pool.value({pool.batch, heads, pool.rows, 4});
  const Value k = pool.value({pool.batch, groups, pool.rows, 4});
  const Value v = pool.value({pool.batch, groups, pool.rows, 4});
  std::vector<Value> inputs{scaled(pool, q), scaled(pool, k), v};
  if (pool.chance(0.4)) {
    inputs.push_back(pool.chance(0.3) ? sees(pool) : causal_mask(pool));
  }
  pool.keep(pool.op("attention", inputs,
                    {{"scale", pool.one_of<double>({0.5, 1, 0.25})},
                     {"causal", pool.chance(0.5)},
                     {"window", pool.one_of<std::int64_t>({0, 0, 2})},
                     {"softcap", pool.one_of<double>({0, 0, 5})}}));
}

void rope_steps(Pool& pool) {
  const Value x = pool.value({pool.batch, 2, pool.rows, 4});
  const Value angles = pool.value({pool.rows, 2});
  const auto table = [&](std::string_view function) {
    const Value half = pool.op(function, {angles});
    const Value other = pool.is_off() ? pool.op(function, {pool.like(angles)}) : half;
    return pool.op("concat", {half, other}, {{"axis", std::int64_t{-1}}});
  };
  const Value a = x.slice(-1, 0, 2), b = x.slice(-1, pool.is_off() ? 1 : 2, pool.is_off() ? 3 : 4);
  const Value turned = pool.chance(0.9) ? pool.op("concat", {-b, a}, {{"axis", std::int64_t{-1}}})
                                        : pool.op("concat", {b, -a}, {{"axis", std::int64_t{-1}}});
  pool.keep(x * table("cos") + turned * table("sin"));
}

void ropes(Pool& pool) {
  const Value x = pool.value({pool.batch, 2, pool.rows, pool.chance(0.5) ? 4 : 6});
  const Value angles = pool.value({pool.rows, 2});
  const Value cos = pool.op("cos", {angles}), sin = pool.op("sin", {angles});
  const Value y =
      pool.op("rope", {x, cos, pool.is_off() ? cos : sin}, {{"interleaved", pool.chance(0.4)}});
  pool.keep(pool.chance(0.5) ? y * pool.special(y) : y);
}

}  // namespace

std::vector<Motif> attention_motifs() {
  return {masks, attention_steps, attention_steps, attentions, rope_steps, ropes};
}

}  // namespace paceline::test
