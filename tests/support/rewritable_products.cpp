#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

namespace {

// [.., K] of two to four axes.
Value rows_of(Pool& pool, const Dim& width) {
  return pool.value(pool.one_of(std::vector<Shape>{
      {pool.rows, width}, {pool.batch, pool.rows, width}, {pool.batch, 2, pool.rows, width}}));
}

Value product(Pool& pool, const Value& a, const Value& b, bool transpose_a, bool transpose_b) {
  return pool.op("matmul", {a, b}, {{"transpose_a", transpose_a}, {"transpose_b", transpose_b}});
}

void chain(Pool& pool) {
  const Value x = rows_of(pool, 6);
  const Value a = pool.weight({6, 4}), b = pool.weight({4, 6});
  pool.keep(pool.chance(0.5) ? matmul(matmul(x, a), b) : matmul(x, matmul(a, b)));
}

// Square, so that a forgotten transpose does not show in the shapes.
void transposes(Pool& pool) {
  Value a = pool.value({pool.batch, 4, 4});
  Value b = pool.chance(0.5) ? pool.value({4, 4}) : pool.value({pool.batch, 4, 4});
  if (pool.chance(0.6)) a = a.permute({0, 2, 1});
  if (pool.chance(0.6)) b = b.transpose(b.rank() - 2, b.rank() - 1);
  const Value y = product(pool, a, b, pool.chance(0.5), pool.chance(0.5));
  pool.keep(pool.chance(0.5) ? y.permute({0, 2, 1}) : y);
}

void factors(Pool& pool) {
  Value x = rows_of(pool, 6);
  Value w = pool.weight({6, 4});
  if (pool.chance(0.5)) x = x * pool.special(x);
  if (pool.chance(0.5)) w = w * pool.value({pool.chance(0.5) ? Dim(6) : Dim(1), 1});
  if (pool.chance(0.5)) x = x * pool.value({6});
  Value y = matmul(x, w);
  if (pool.chance(0.5)) y = pool.chance(0.5) ? y / pool.about(2, y) : y * pool.value({4});
  pool.keep(y);
}

void distributes(Pool& pool) {
  const Value x = rows_of(pool, 6);
  const Value a = pool.weight({6, 4}), b = pool.weight({6, 4});
  switch (pool.below(3)) {
    case 0:
      return pool.keep(matmul(x, a) + matmul(pool.is_off() ? pool.like(x) : x, b));
    case 1:
      return pool.keep(matmul(x + pool.like(x), a));
    default:
      return pool.keep(matmul(x, a + b));
  }
}

void parallel(Pool& pool) {
  const Value x = rows_of(pool, 6);
  const bool transposed = pool.chance(0.5);
  const auto weight = [&](std::int64_t n) {
    return transposed ? pool.weight({n, 6}) : pool.weight({6, n});
  };
  const Attributes attributes{{"transpose_weight", transposed}};
  const bool biased = pool.chance(0.4);
  std::vector<Value> parts;
  for (const std::int64_t n : {4, 4, 3}) {
    std::vector<Value> inputs{pool.is_off() ? pool.like(x) : x, weight(n)};
    if (biased) inputs.push_back(pool.weight({n}));
    parts.push_back(pool.op("linear", inputs, attributes));
    pool.keep(parts.back());
  }
  pool.keep(pool.op("concat", parts, {{"axis", std::int64_t{-1}}}));
}

void with_bias(Pool& pool) {
  const Value x = rows_of(pool, 6);
  Value w = pool.chance(0.5) ? pool.weight({6, 6}) : pool.value({6, 6});
  if (pool.chance(0.5)) w = w.permute({1, 0});
  Value y = pool.chance(0.5) ? product(pool, x, w, false, pool.chance(0.5))
                             : pool.op("linear", {x, w}, {{"transpose_weight", pool.chance(0.5)}});
  const Shape bias = pool.is_off() ? Shape{1} : Shape{6};
  y = pool.chance(0.5) ? y + pool.value(bias) : pool.value(bias) + y;
  if (pool.chance(0.4)) y = y + pool.like(y);
  if (pool.chance(0.4)) {
    y = pool.op(pool.one_of(std::vector<std::string_view>{"relu", "gelu", "silu", "sigmoid"}), {y});
  }
  pool.keep(y);
}

void flattened(Pool& pool) {
  const Value x = pool.value({pool.batch, pool.rows, 6});
  const Value rows = x.reshape({pool.batch * pool.rows, 6});
  const Value y = matmul(rows, pool.weight({6, 4}));
  pool.keep((pool.chance(0.5) ? y + pool.weight({4}) : y).reshape({pool.batch, pool.rows, 4}));
}

void cut_products(Pool& pool) {
  const Value x = rows_of(pool, 6);
  const Value y = matmul(x, pool.weight({6, 8}));
  pool.keep(y.slice(-1, 0, 4));
  pool.keep(y.slice(-1, 4, 8));
  pool.keep(matmul(x.slice(-1, 0, 2), pool.weight({2, 4})) +
            matmul(x.slice(-1, pool.is_off() ? 1 : 2, pool.is_off() ? 5 : 6), pool.weight({4, 4})));
}

void normalised(Pool& pool) {
  const Value x = rows_of(pool, 6);
  const Value normed = pool.chance(0.5)
                           ? pool.op("rms_norm", {x, pool.weight({6})},
                                     {{"weight_offset", pool.is_off() ? 1.0 : 0.0}})
                           : pool.op("layer_norm", {x, pool.weight({6}), pool.weight({6})});
  for (int i = 0; i < 2; ++i) pool.keep(pool.op("linear", {normed, pool.weight({4, 6})}));
}

}  // namespace

std::vector<Motif> product_motifs() {
  return {chain,     transposes, factors,      distributes, parallel,
          with_bias, flattened,  cut_products, normalised};
}

}  // namespace paceline::test
