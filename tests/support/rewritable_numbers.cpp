#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

namespace {

using Names = std::vector<std::string_view>;

const Names unary = {"neg", "abs", "exp",  "sqrt",  "rsqrt", "tanh", "erf",    "sin",
                     "cos", "log", "sign", "floor", "round", "relu", "sigmoid"};
const Names binary = {"add", "sub", "mul", "div", "minimum", "maximum", "pow"};

Value random_unary(Pool& pool, const Value& x) { return pool.op(pool.one_of(unary), {x}); }
Value random_binary(Pool& pool, const Value& x, const Value& y) {
  return pool.op(pool.one_of(binary), {x, y});
}

void constants(Pool& pool) {
  const Value x = pool.any();
  Value y = random_binary(pool, x, pool.special(x));
  if (pool.chance(0.5)) y = random_binary(pool, pool.special(x), y);
  if (pool.chance(0.5)) y = random_binary(pool, y, pool.special(x));
  pool.keep(y);
}

void arithmetic(Pool& pool) {
  const Value x = pool.any();
  Value y = random_binary(pool, x, pool.like(x));
  for (std::int64_t i = pool.below(3); i >= 0; --i) {
    y = pool.chance(0.5) ? random_binary(pool, y, pool.like(x))
                         : random_binary(pool, pool.like(x), y);
    if (pool.chance(0.3)) y = random_unary(pool, y);
  }
  pool.keep(y);
}

void shared_factor(Pool& pool) {
  const Value x = pool.any();
  const Value a = pool.like(x), b = pool.like(x), c = pool.is_off() ? pool.like(x) : a;
  const std::string_view inner = pool.one_of(Names{"mul", "div", "add"});
  pool.keep(pool.op(pool.one_of(Names{"add", "sub", "mul", "maximum"}),
                    {pool.op(inner, {b, a}), pool.op(inner, {x, c})}));
}

void twice(Pool& pool) {
  const Value x = pool.any();
  const std::string_view first = pool.one_of(unary);
  const std::string_view second = pool.chance(0.6) ? first : pool.one_of(unary);
  pool.keep(pool.op(second, {pool.op(first, {x})}));
}

void powers(Pool& pool) {
  const Value x = pool.any();
  const Value power = pool.number(pool.one_of<double>({0, 1, 2, 3, 0.5, -1, -0.5, -2}), x);
  const Value base = pool.op("pow", {x, power});
  pool.keep(pool.chance(0.3) ? pool.op("sqrt", {base}) : base);
  pool.keep(pool.chance(0.5) ? x * x : x * x * x);
}

void reciprocals(Pool& pool) {
  const Value x = pool.any();
  const Value root = pool.op("sqrt", {x});
  const Value inverse = pool.chance(0.5) ? pool.op("rsqrt", {x}) : pool.about(1, x) / root;
  pool.keep(pool.chance(0.5) ? pool.like(x) * inverse : pool.like(x) / root);
}

void logarithms(Pool& pool) {
  const Value x = pool.any();
  const Value e = pool.op("exp", {x});
  switch (pool.below(4)) {
    case 0:
      return pool.keep(pool.op("log", {e}));
    case 1:
      return pool.keep(e * pool.op("exp", {pool.like(x)}));
    case 2:
      return pool.keep(e - pool.about(1, x));
    default:
      return pool.keep(pool.op("log", {pool.about(1, x) + e}));
  }
}

void comparisons(Pool& pool) {
  static const Names names = {"less",          "less_equal", "greater",
                              "greater_equal", "equal",      "not_equal"};
  const Value x = pool.any();
  Value sees = pool.op(pool.one_of(names), {x, pool.chance(0.2) ? x : pool.like(x)});
  if (pool.chance(0.5)) sees = pool.op("logical_not", {sees});
  if (pool.chance(0.5)) {
    const Value other = pool.op(pool.one_of(names), {x, pool.special(x)});
    sees = pool.op(pool.one_of(Names{"logical_and", "logical_or", "logical_xor"}),
                   {sees, pool.chance(0.2) ? sees : other});
  }
  const Value a = pool.chance(0.5) ? pool.special(x) : pool.like(x);
  Value y = pool.op("where", {sees, a, pool.chance(0.5) ? x : pool.special(x)});
  if (pool.chance(0.4)) y = pool.op("where", {sees, y, pool.like(x)});
  if (pool.chance(0.4)) y = random_binary(pool, y, pool.like(x));
  if (pool.chance(0.3)) y = random_unary(pool, y);
  pool.keep(y);
  pool.keep(pool.number(pool.one_of<double>({0, 1, 2}), x) * sees.cast(pool.dtype));
}

void casts(Pool& pool) {
  static const std::vector<Dtype> others = {Dtype::f64,  Dtype::f32, Dtype::f16,
                                            Dtype::bf16, Dtype::i64, Dtype::i32,
                                            Dtype::i8,   Dtype::u8,  Dtype::boolean};
  Value x = pool.any();
  if (pool.chance(0.3)) x = random_unary(pool, x);
  const auto cast = [&](const Value& y, Dtype to) { return pool.op("cast", {y}, {{"dtype", to}}); };
  Value y = cast(x, pool.one_of(others));
  if (pool.chance(0.5)) y = cast(y, pool.one_of(others));
  if (pool.chance(0.3)) y = pool.op("reshape", {y}, {{"shape", y.shape()}});
  pool.keep(cast(y, pool.dtype));
}

void integers(Pool& pool) {
  static const std::vector<Dtype> dtypes = {Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8};
  static const Names names = {"add", "sub", "mul", "minimum", "maximum"};
  const Value x = pool.any();
  const Dtype dtype = pool.one_of(dtypes);
  const Value a = x.cast(dtype), b = pool.like(x).cast(dtype);
  const Value c = pool.number(pool.one_of<double>({0, 1, 2, 3}), a);
  Value y = pool.op(pool.one_of(names), {a, b});
  y = pool.op(pool.one_of(names), {y, pool.chance(0.3) ? a : c});
  if (pool.chance(0.3)) y = pool.op("div", {y * c, pool.number(2, a)});
  if (pool.chance(0.3)) y = pool.op("sub", {y, y});
  pool.keep(y.cast(pool.dtype));
}

}  // namespace

std::vector<Motif> number_motifs() {
  return {constants,   arithmetic, shared_factor, twice, powers,
          reciprocals, logarithms, comparisons,   casts, integers};
}

}  // namespace paceline::test
