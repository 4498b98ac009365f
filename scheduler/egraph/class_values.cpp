#include "scheduler/egraph/class_values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include "common/base/random.h"
#include "common/graph/reference.h"

namespace paceline::egraph {

namespace {

constexpr double tolerance = 1e-9;
// Rounded constants differ from what they stand for by one unit; sums of them by a few.
constexpr double slack = 16;
// From here on, comparisons and indices may rightly come out otherwise.
constexpr double discrete_noise_max = 1.0 / (1 << 20);

// A rounding of the shadow is off by at most this much, relative to the result.
constexpr double shadow_unit = 0x1p-50;
// Forms may differ by this many times what a value and its shadow do.
constexpr double shadow_slack = 0x1p14;

// Masks add numbers beside which nothing else would count.
constexpr double ordinary_max = 1e15;

// Of the ordinary elements.
double root_mean_square(const std::vector<double>& values) {
  double squares = 0;
  std::size_t count = 0;
  for (const double value : values) {
    if (!(std::abs(value) <= ordinary_max)) continue;
    squares += value * value;
    ++count;
  }
  return std::sqrt(squares / static_cast<double>(std::max<std::size_t>(count, 1)));
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

Extents extents_of(const Operator& leaf, const Evaluation& evaluation) {
  return evaluate(leaf.type.shape, evaluation.bindings);
}

Random random_for(const Operator& leaf, const Evaluation& evaluation) {
  Hasher hasher("egraph/leaf");
  hasher.add(static_cast<std::int64_t>(evaluation.seed)).add(static_cast<int>(leaf.kind));
  return Random(std::hash<Digest>()(hasher.add(leaf.name).finish()));
}

double draw_real(const Evaluation& evaluation, Random& random) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr std::array<double, 6> specials = {nan, infinity, -infinity, 0.0, -0.0, 1e30};
  constexpr int one_in = 6;
  if (evaluation.specials && random.below(one_in) == 0) return specials[random.below(6)];
  return random.normal();
}

// Weights keep the size of what they multiply, as trained ones do: products of large numbers would
// make softmax and narrowing see nothing else.
double scale_of(const Operator& leaf, const Extents& extents) {
  if (leaf.kind != NodeKind::weight || extents.size() < 2) return 1;
  const auto fan_in = std::max(extents[extents.size() - 1], extents[extents.size() - 2]);
  return 1 / std::sqrt(static_cast<double>(std::max<std::int64_t>(fan_in, 1)));
}

Tensor draw(const Operator& leaf, const Evaluation& evaluation) {
  Random random = random_for(leaf, evaluation);
  const Dtype dtype = leaf.type.dtype;
  const Extents extents = extents_of(leaf, evaluation);
  Tensor drawn(is_float(dtype) ? Dtype::f64 : Dtype::i64, extents);
  const double scale = scale_of(leaf, extents);
  const std::int64_t below = dtype == Dtype::boolean ? 2 : evaluation.integers_below;
  for (std::int64_t i = 0; i < drawn.element_count(); ++i) {
    if (is_float(dtype)) {
      drawn.as<double>()[i] = scale * draw_real(evaluation, random);
    } else {
      drawn.as<std::int64_t>()[i] = random.below(below);
    }
  }
  return drawn.cast(dtype);
}

bool is_cast(const Op& op) { return op.name == "cast"; }

// Ops whose results are elements of their operands, or exact in binary.
bool is_exact(const Op& op) {
  static const std::set<std::string, std::less<>> names = {
      "abs",  "cast",    "ceil",    "concat",       "copy", "floor",      "gather",
      "iota", "maximum", "minimum", "neg",          "pad",  "reduce_max", "reduce_min",
      "relu", "round",   "sign",    "update_slice", "where"};
  return op.view != nullptr || names.contains(op.name);
}

Tensor shaken(const Tensor& exact, std::uint64_t seed) {
  if (exact.dtype() != Dtype::f64) return exact;
  Random random(seed);
  const Tensor off = exact.clone();
  for (std::int64_t i = 0; i < off.element_count(); ++i) {
    off.as<double>()[i] *= 1 + shadow_unit * random.uniform(-1, 1);
  }
  return off;
}

// How far other forms may be from an element, by its shadow.
double shadow_bound(double element, double shadow) {
  const double distance = std::abs(element - shadow);
  return std::isfinite(distance) ? shadow_slack * distance : 0;
}

}  // namespace

std::string disagreement(const ClassValue& a, const ClassValue& b, double more) {
  const double noise = std::max({a.noise, b.noise, more});
  if (a.elements.dtype() != Dtype::f64 && noise > discrete_noise_max) return {};
  const std::vector<double> left = a.elements.to_doubles(), right = b.elements.to_doubles();
  const std::vector<double> left_shadow = a.shadow.to_doubles();
  const std::vector<double> right_shadow = b.shadow.to_doubles();
  if (left.size() != right.size()) {
    return fmt::format("{} and {} elements", left.size(), right.size());
  }
  const double allowed = a.elements.dtype() == Dtype::f64 ? tolerance + slack * noise : 0;
  const double scale = root_mean_square(left);
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (same(left[i], right[i])) continue;
    const double bound = allowed * std::max({std::abs(left[i]), std::abs(right[i]), scale}) +
                         shadow_bound(left[i], left_shadow[i]) +
                         shadow_bound(right[i], right_shadow[i]);
    if (std::isfinite(bound) && std::abs(left[i] - right[i]) <= bound) continue;
    return fmt::format("element {} of {}: {} and {}", i, left.size(), left[i], right[i]);
  }
  return {};
}

ClassValue ClassValues::leaf(const Operator& leaf) const {
  const auto exact = [](const Tensor& elements) {
    const Tensor reference = to_reference(elements);
    return ClassValue{reference, reference};
  };
  if (leaf.kind == NodeKind::constant) return exact(leaf.constant);
  const auto given = evaluation_.values.find(leaf.name);
  if (given == evaluation_.values.end()) return exact(draw(leaf, evaluation_));
  const Tensor& value = given->second;
  if (value.dtype() != leaf.type.dtype || value.extents() != extents_of(leaf, evaluation_)) {
    throw invalid("the value given for \"{}\" must be {}: {}{}", leaf.name, leaf.type.to_string(),
                  to_string(value.dtype()), to_string(value.extents()));
  }
  return exact(value);
}

ClassValue ClassValues::op(const Operator& op, std::span<const ClassValue* const> children,
                           std::span<const TensorType> types) const {
  double noise = 0;
  std::vector<Tensor> inputs, shadows;
  for (const ClassValue* child : children) {
    inputs.push_back(child->elements);
    shadows.push_back(child->shadow);
    noise = std::max(noise, child->noise);
  }
  // Views move elements and casts round by definition; all else may round elsewhere in another
  // form.
  const bool rounds = is_cast(*op.op) ? noise > 0 : op.op->view == nullptr;
  if (rounds) noise = std::max(noise, unit_roundoff(types[op.output].dtype));
  std::vector<TensorType> bound;
  for (const TensorType& type : types) {
    const Extents extents = evaluate(type.shape, evaluation_.bindings);
    bound.push_back({type.dtype, Shape(extents.begin(), extents.end())});
  }
  try {
    const Attributes attributes = op.attributes.bind(evaluation_.bindings);
    Tensor elements = evaluate_reference(*op.op, inputs, attributes, bound)[op.output];
    Tensor shadow = evaluate_reference(*op.op, shadows, attributes, bound)[op.output];
    if (!is_exact(*op.op)) shadow = shaken(shadow, values_.size());
    return {std::move(elements), std::move(shadow), noise};
  } catch (const Error& error) {
    throw unsupported("{} cannot be evaluated on random leaves, give fitting ones: {}", op.op->name,
                      error.what());
  }
}

void ClassValues::join(ClassId winner, ClassId loser, double more) {
  ClassValue& kept = values_[winner.value];
  ClassValue& other = values_[loser.value];
  const double noise = std::max({kept.noise, other.noise, more});
  if (other.noise < kept.noise) kept = std::move(other);
  kept.noise = noise;
  other = {};
}

bool ClassValues::raise_noise(ClassId id, double noise) {
  if (noise <= values_[id.value].noise) return false;
  values_[id.value].noise = noise;
  return true;
}

}  // namespace paceline::egraph
