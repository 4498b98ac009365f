#include <cmath>
#include <numbers>

#include "tests/support/rewritable_motifs.h"

namespace paceline::test {

namespace {

using Names = std::vector<std::string_view>;

void softmax_steps(Pool& pool) {
  const Value x = pool.any();
  const std::int64_t axis = pool.chance(0.7) ? -1 : 0;
  const Value shifted =
      pool.chance(0.2) ? x : x - pool.reduce("reduce_max", x, pool.is_off() ? -1 - axis : axis);
  const Value powers = pool.op("exp", {shifted});
  const Value sum = pool.reduce("reduce_sum", powers, pool.is_off() ? -1 - axis : axis);
  switch (pool.below(3)) {
    case 0:
      return pool.keep(powers / sum);
    case 1:
      return pool.keep(powers * (1.0 / sum));
    default:
      return pool.keep(shifted - pool.op("log", {sum}));
  }
}

void softmax_forms(Pool& pool) {
  Value x = pool.any();
  if (pool.chance(0.4)) x = x + pool.special(x);
  if (pool.chance(0.4))
    x = x -
        pool.reduce(pool.chance(0.5) ? "reduce_max" : "reduce_sum", x, pool.chance(0.7) ? -1 : 0);
  if (pool.chance(0.3)) x = x * pool.special(x);
  const std::int64_t axis = pool.chance(0.7) ? -1 : pool.below(x.rank());
  Value y = pool.op(pool.one_of(Names{"softmax", "log_softmax"}), {x}, {{"axis", axis}});
  if (pool.chance(0.3)) y = pool.op(pool.one_of(Names{"log", "exp"}), {y});
  if (pool.chance(0.3) && y.rank() >= 2) y = y.transpose(0, 1);
  if (pool.chance(0.3)) y = pool.reduce("reduce_sum", y, -1);
  pool.keep(y);
}

Value square(Pool& pool, const Value& x) {
  if (pool.chance(0.5)) return x * (pool.is_off() ? pool.like(x) : x);
  return pool.op("pow", {x, pool.number(pool.is_off() ? 3 : 2, x)});
}

// x / sqrt(y + epsilon), or nearly, in one of its spellings.
Value over_root(Pool& pool, const Value& x, const Value& y) {
  const Value epsilon = pool.number(pool.one_of<double>({1e-6, 1e-5, 1e-2}), y);
  if (pool.is_off()) return x / (pool.op("sqrt", {y}) + epsilon);
  const Value shifted = pool.chance(0.5) ? y + epsilon : epsilon + y;
  switch (pool.below(3)) {
    case 0:
      return x / pool.op("sqrt", {shifted});
    case 1:
      return x * pool.op("rsqrt", {shifted});
    default:
      return x * (1.0 / pool.op("sqrt", {shifted}));
  }
}

Value normal_input(Pool& pool) {
  return pool.value(
      pool.one_of(std::vector<Shape>{{pool.rows, 6}, {pool.batch, pool.rows, 4}, {6, 4}}));
}

void rms_norm_steps(Pool& pool) {
  const Value x = normal_input(pool);
  const Value y = over_root(pool, x, pool.mean(square(pool, x)));
  Value w = pool.value({x.dim(-1)});
  if (pool.chance(0.3)) w = w + 1.0;
  pool.keep(y);
  pool.keep(pool.chance(0.5) ? y * w : w * y);
}

void layer_norm_steps(Pool& pool) {
  const Value x = normal_input(pool);
  const Value centered = x - pool.mean(x);
  const Value other = pool.is_off() ? x : centered;
  const Value y = over_root(pool, centered, pool.mean(square(pool, other)));
  const Value scaled = y * pool.value({x.dim(-1)});
  pool.keep(pool.chance(0.8) ? scaled + pool.value({x.dim(-1)}) : scaled);
}

void norms(Pool& pool) {
  Value x = normal_input(pool);
  const Shape width{x.dim(-1)};
  if (pool.chance(0.5)) x = x + pool.like(x);
  if (pool.chance(0.3)) x = x * pool.about(2, x);
  const bool is_rms = pool.chance(0.5);
  const double epsilon = pool.one_of<double>({1e-6, 1e-5, 0.1});
  const Value y =
      is_rms ? pool.op("rms_norm", {x, pool.value(width)},
                       {{"epsilon", epsilon}, {"weight_offset", pool.is_off() ? 1.0 : 0.0}})
             : pool.op("layer_norm", {x, pool.value(width), pool.value(width)},
                       {{"epsilon", epsilon}});
  pool.keep(x);
  pool.keep(pool.chance(0.4) ? y * pool.value(width) : y);
}

Value erf_gelu(Pool& pool, const Value& x) {
  const Value erf = pool.op("erf", {x / pool.about(std::numbers::sqrt2, x)});
  const Value bump = erf + pool.about(1, x);
  switch (pool.below(3)) {
    case 0:
      return x * bump * pool.about(0.5, x);
    case 1:
      return x * (0.5 * bump);
    default:
      return 0.5 * x * bump;
  }
}

Value tanh_gelu(Pool& pool, const Value& x) {
  const Value cube = pool.chance(0.5) ? pool.op("pow", {x, pool.number(3, x)}) : x * x * x;
  const Value inner = x + cube * pool.about(0.044715, x);
  const Value bump =
      pool.op("tanh", {inner * pool.about(std::sqrt(2 / std::numbers::pi), x)}) + 1.0;
  return pool.chance(0.5) ? 0.5 * x * bump : (x * bump) * 0.5;
}

Value sigmoid(Pool& pool, const Value& x) {
  if (pool.chance(0.5)) return pool.op("sigmoid", {pool.is_off() ? x * 1.702 : x});
  const Value power = pool.op("exp", {pool.is_off() ? x : -x});
  return 1.0 / (pool.chance(0.5) ? 1.0 + power : power + pool.about(1, x));
}

Value activation_steps(Pool& pool, const Value& x) {
  switch (pool.below(5)) {
    case 0:
      return erf_gelu(pool, x);
    case 1:
      return tanh_gelu(pool, x);
    case 2:
      return sigmoid(pool, x);
    case 3:
      return pool.op("maximum", {x, pool.number(pool.is_off() ? 0.5 : 0, x)});
    default:
      return x * sigmoid(pool, pool.is_off() ? pool.like(x) : x);
  }
}

void activations(Pool& pool) {
  const Value x = pool.any();
  const Value y = activation_steps(pool, x);
  pool.keep(pool.chance(0.4) ? y * pool.like(x) : y);
}

void composites(Pool& pool) {
  const Value x = pool.any();
  if (pool.chance(0.5)) {
    const std::string activation(
        pool.one_of(Names{"silu", "gelu", "gelu_tanh", "relu", "sigmoid"}));
    return pool.keep(pool.op("gated_activation", {x, pool.like(x)}, {{"activation", activation}}));
  }
  const std::string approximate = pool.chance(0.5) ? "tanh" : "none";
  const Value y = pool.chance(0.5) ? pool.op("gelu", {x}, {{"approximate", approximate}})
                                   : pool.op(pool.one_of(Names{"silu", "relu", "sigmoid"}), {x});
  pool.keep(pool.chance(0.5) ? y * pool.like(x) : y);
}

void embedded(Pool& pool) {
  const Value ids = pool.builder.constant(Tensor::of<std::int64_t>({3}, {2, 0, 1}));
  const Value table = pool.weight({4, 6});
  pool.keep(pool.chance(0.5) ? pool.op("embedding", {ids, table})
                             : pool.op("gather", {table, ids}, {{"axis", std::int64_t{0}}}));
}

}  // namespace

std::vector<Motif> composite_motifs() {
  return {softmax_steps, softmax_forms, rms_norm_steps, layer_norm_steps,
          norms,         activations,   composites,     embedded};
}

}  // namespace paceline::test
