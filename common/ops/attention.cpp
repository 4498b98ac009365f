#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "common/ops/support/compose.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

struct Extent {
  Dim batch, heads, queries, width;  // q[B,H,N,D]
  Dim groups, keys, value_width;     // k[B,G,L,D], v[B,G,L,E]
  Dim heads_per_group;
};

Extent extent_of(const OpInputs& in) {
  const Shape &q = in[0].shape, &k = in[1].shape, &v = in[2].shape;
  const auto ratio = q[1].divide_exactly(k[1]);
  if (!ratio) {
    throw invalid("the heads of q must be a multiple of those of k: {} and {}", q[1].to_string(),
                  k[1].to_string());
  }
  return {q[0], q[1], q[2], q[3], k[1], k[2], v[3], *ratio};
}

void expect_mask(const OpInputs& in, const Extent& extent) {
  if (in[3].dtype != Dtype::boolean && in[3].dtype != in[0].dtype) {
    throw invalid("the mask must be bool or of q's dtype: {}", in[3].to_string());
  }
  const Shape scores{extent.batch, extent.heads, extent.queries, extent.keys};
  if (in[3].shape.size() > 4 || broadcast_shape(in[3].shape, scores) != scores) {
    throw invalid("the mask {} does not broadcast to {}", in[3].to_string(), to_string(scores));
  }
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes({in.types.first(3), in.attributes});
  for (int i = 0; i < 3; ++i) {
    if (in[i].shape.size() != 4) throw invalid("input {} needs 4 axes: {}", i, in[i].to_string());
  }
  const Extent extent = extent_of(in);
  expect_equal(in[0].shape[0], in[1].shape[0], "batches of q and k");
  expect_equal(in[1].shape[0], in[2].shape[0], "batches of k and v");
  expect_equal(in[1].shape[1], in[2].shape[1], "heads of k and v");
  expect_equal(in[1].shape[2], in[2].shape[2], "positions of k and v");
  expect_equal(in[0].shape[3], in[1].shape[3], "widths of q and k");
  if (in.size() == 4) expect_mask(in, extent);
  const std::int64_t window = in.attributes.get<std::int64_t>("window");
  const double softcap = in.attributes.get<double>("softcap");
  if (window < 0) throw invalid("window may not be negative (0: none): {}", window);
  if (!(softcap >= 0)) throw invalid("softcap may not be negative (0: none): {}", softcap);
  return {{in[0].dtype, {extent.batch, extent.heads, extent.queries, extent.value_width}}};
}

// Beyond any axis, and far enough from the largest integer to be added to a position.
constexpr std::int64_t reach_max = std::int64_t{1} << 48;

// Which keys a query may see by `causal` and `window`. Query i stands at key position i + L - N.
struct Sight {
  bool causal;
  std::int64_t window;  // 0: none.

  explicit Sight(const Attributes& attributes)
      : causal(attributes.get<bool>("causal")),
        window(std::min(attributes.get<std::int64_t>("window"), reach_max)) {}

  bool sees(std::int64_t position, std::int64_t key) const {
    if (causal && key > position) return false;
    if (window == 0) return true;
    return key > position - window && (causal || key < position + window);
  }
  std::int64_t count(std::int64_t position, std::int64_t keys) const {
    const std::int64_t reach = window == 0 ? reach_max : window;
    const std::int64_t first = std::max<std::int64_t>(0, position - reach + 1);
    const std::int64_t end = std::min(keys, position + (causal ? 1 : reach));
    return std::max<std::int64_t>(0, end - first);
  }
};

// Twice the pairs of a query and a key that it sees, which keeps N * (N + 1) / 2 a polynomial. With
// symbols and a window each query sees one key at least.
Dim twice_pairs(const Extent& extent, const Sight& sight) {
  const Dim &n = extent.queries, &l = extent.keys;
  if (!sight.causal && sight.window == 0) return 2 * n * l;
  if (!n.is_constant() || !l.is_constant()) {
    return sight.window == 0 ? 2 * n * (l - n) + n * (n + 1) : 2 * n;
  }
  const std::int64_t queries = *n.constant(), keys = *l.constant();
  std::int64_t pairs = 0;
  for (std::int64_t i = 0; i < queries; ++i) pairs += sight.count(i + keys - queries, keys);
  return 2 * pairs;
}

// Rows of k and v that some query sees.
Dim seen_keys(const Extent& extent, const Sight& sight) {
  if (sight.window == 0) return extent.keys;
  if (!extent.queries.is_constant() || !extent.keys.is_constant()) return extent.queries;
  const std::int64_t keys = *extent.keys.constant();
  const std::int64_t hidden = keys - *extent.queries.constant() - sight.window + 1;
  return keys - std::clamp<std::int64_t>(hidden, 0, keys);
}

Work work(const OpInputs& in) {
  const Extent extent = extent_of(in);
  const Sight sight(in.attributes);
  const Dim twice = extent.batch * extent.heads * twice_pairs(extent, sight);
  const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
  const Dim row = (extent.width + extent.value_width) * element;
  Dim bytes = extent.batch * extent.heads * extent.queries * row;
  bytes += extent.batch * extent.groups * seen_keys(extent, sight) * row;
  if (in.size() == 4) bytes += size_bytes(in[3]);
  // Two for each product and sum, four for the softmax of a score.
  return {.flops = twice * (extent.width + extent.value_width + 2), .bytes = bytes};
}

// A mask's place for scores[b,h,i,j], by numpy's rule.
std::int64_t mask_offset(const Extents& mask, const std::array<std::int64_t, 4>& index) {
  const std::size_t added = index.size() - mask.size();
  std::int64_t offset = 0;
  for (std::size_t axis = 0; axis < mask.size(); ++axis) {
    offset = offset * mask[axis] + (mask[axis] == 1 ? 0 : index[added + axis]);
  }
  return offset;
}

class Reference {
 public:
  explicit Reference(const ReferenceCall& call)
      : call_(call),
        sight_(call.attributes),
        scale_(call.attributes.get<double>("scale")),
        softcap_(call.attributes.get<double>("softcap")) {}

  void run() const {
    const Extents& q = call_.inputs[0].extents();
    for (std::int64_t b = 0; b < q[0]; ++b) {
      for (std::int64_t h = 0; h < q[1]; ++h) {
        for (std::int64_t i = 0; i < q[2]; ++i) attend(b, h, i);
      }
    }
  }

 private:
  const double* row(int input, std::int64_t b, std::int64_t head, std::int64_t position) const {
    const Extents& extents = call_.inputs[input].extents();
    return call_.inputs[input].as<double>() +
           ((b * extents[1] + head) * extents[2] + position) * extents[3];
  }

  double masked(double score, const std::array<std::int64_t, 4>& index) const {
    if (call_.inputs.size() < 4) return score;
    const Tensor& mask = call_.inputs[3];
    const std::int64_t at = mask_offset(mask.extents(), index);
    if (mask.dtype() == Dtype::f64) return score + mask.as<double>()[at];
    return mask.as<bool>()[at] ? score : -std::numeric_limits<double>::infinity();
  }

  std::vector<double> scores(std::int64_t b, std::int64_t h, std::int64_t i) const {
    const Extents& q = call_.inputs[0].extents();
    const Extents& k = call_.inputs[1].extents();
    const std::int64_t group = h / (q[1] / k[1]);
    const double* query = row(0, b, h, i);
    std::vector<double> scores(k[2]);
    for (std::int64_t j = 0; j < k[2]; ++j) {
      const double* key = row(1, b, group, j);
      double score = 0;
      for (std::int64_t d = 0; d < q[3]; ++d) score += query[d] * key[d];
      score *= scale_;
      if (softcap_ > 0) score = softcap_ * std::tanh(score / softcap_);
      const bool seen = sight_.sees(i + k[2] - q[2], j);
      scores[j] = seen ? masked(score, {b, h, i, j}) : -std::numeric_limits<double>::infinity();
    }
    return scores;
  }

  void attend(std::int64_t b, std::int64_t h, std::int64_t i) const {
    std::vector<double> weights = scores(b, h, i);
    const Tensor& out = call_.outputs[0];
    const std::int64_t group = h / (out.extents()[1] / call_.inputs[2].extents()[1]);
    const std::int64_t width = out.extents()[3];
    double* result = out.as<double>() + ((b * out.extents()[1] + h) * out.extents()[2] + i) * width;
    if (weights.empty()) return;
    const double largest = *std::ranges::max_element(weights);
    double sum = 0;
    for (double& weight : weights) sum += weight = std::exp(weight - largest);
    for (std::size_t j = 0; j < weights.size(); ++j) {
      const double* value = row(2, b, group, static_cast<std::int64_t>(j));
      for (std::int64_t e = 0; e < width; ++e) result[e] += weights[j] / sum * value[e];
    }
  }

  const ReferenceCall& call_;
  Sight sight_;
  double scale_;
  double softcap_;
};

// bool[N,L], true where query i sees key j.
Value seen_pairs(GraphBuilder& builder, const Extent& extent, const Sight& sight) {
  const Value position =
      builder.op("iota", {}, {{"start", extent.keys - extent.queries}, {"extent", extent.queries}})
          .reshape({extent.queries, 1});
  const Value key = builder.op("iota", {}, {{"extent", extent.keys}}).reshape({1, extent.keys});
  std::vector<Value> conditions;
  if (sight.causal) conditions.push_back(combine("less_equal", key, position));
  const auto window = static_cast<double>(sight.window);
  if (sight.window > 0) conditions.push_back(combine("greater", key, position - window));
  if (sight.window > 0 && !sight.causal) {
    conditions.push_back(combine("less", key, position + window));
  }
  Value all = conditions[0];
  for (std::size_t i = 1; i < conditions.size(); ++i) {
    all = builder.op("logical_and", {all, conditions[i]});
  }
  return all;
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const std::vector<TensorType> types{in[0].type(), in[1].type(), in[2].type()};
  const Extent extent = extent_of({types, attributes});
  const Sight sight(attributes);
  const double softcap = attributes.get<double>("softcap");
  const double infinity = std::numeric_limits<double>::infinity();
  // The heads of a group stand one below the other, so that one product serves them all.
  const Dim rows = extent.heads_per_group * extent.queries;
  const Value q = in[0].reshape({extent.batch, extent.groups, rows, extent.width});
  Value scores = matmul(q, in[1], false, true) * attributes.get<double>("scale");
  scores = scores.reshape({extent.batch, extent.heads, extent.queries, extent.keys});
  if (softcap > 0) scores = softcap * apply("tanh", scores / softcap);
  if (in.size() == 4) {
    scores =
        in[3].dtype() == Dtype::boolean ? keep_where(in[3], scores, -infinity) : scores + in[3];
  }
  if (sight.causal || sight.window > 0) {
    scores = keep_where(seen_pairs(builder, extent, sight), scores, -infinity);
  }
  const Value weights =
      apply("softmax", scores).reshape({extent.batch, extent.groups, rows, extent.keys});
  return {matmul(weights, in[2])
              .reshape({extent.batch, extent.heads, extent.queries, extent.value_width})};
}

struct Case {
  std::int64_t b = 1, h = 1, g = 1, n = 1, l = 1, d = 8, e = 8;
  Dtype dtype = Dtype::f32;
};

Sample sample(const Case& c, Attributes attributes = {}) {
  attributes.set("scale", 1 / std::sqrt(static_cast<double>(c.d)));
  return {{{c.dtype, {c.b, c.h, c.n, c.d}},
           {c.dtype, {c.b, c.g, c.l, c.d}},
           {c.dtype, {c.b, c.g, c.l, c.e}}},
          std::move(attributes)};
}

Sample masked_sample(const Case& c, Dtype mask, const Extents& extents,
                     Attributes attributes = {}) {
  Sample masked = sample(c, std::move(attributes));
  masked.inputs.push_back({mask, extents});
  return masked;
}

// All keys hidden as exporters hide them.
Sample lowest_sample(const Case& c) {
  constexpr double lowest = std::numeric_limits<float>::lowest();
  Sample masked = masked_sample(c, Dtype::f32, {c.n, c.l});
  masked.inputs.back().domain = {Domain::Kind::uniform, lowest, lowest};
  return masked;
}

std::vector<Sample> samples() {
  const Case grouped{.b = 2, .h = 4, .g = 2, .n = 5, .l = 5};
  const Case longer{.b = 2, .h = 4, .g = 2, .n = 3, .l = 11, .d = 16, .e = 5};
  return {
      sample({}),
      sample(grouped),
      sample(grouped, {{"causal", true}}),
      sample(longer),
      sample(longer, {{"causal", true}}),
      sample(longer, {{"causal", true}, {"window", 4}}),
      sample(longer, {{"window", 3}}),
      sample(longer, {{"causal", true}, {"softcap", 2.0}}),
      sample({.b = 1, .h = 3, .g = 1, .n = 1, .l = 33}, {{"causal", true}}),
      sample({.b = 1, .h = 2, .g = 1, .n = 3, .l = 0}),
      sample({.b = 1, .h = 2, .g = 1, .n = 3, .l = 0, .dtype = Dtype::bf16}, {{"causal", true}}),
      sample({.b = 1, .h = 2, .g = 2, .n = 64, .l = 64, .d = 32, .e = 32}, {{"causal", true}}),
      masked_sample(grouped, Dtype::f32, {5, 5}),
      masked_sample(grouped, Dtype::f32, {2, 1, 1, 5}),
      masked_sample(longer, Dtype::f32, {4, 3, 11}, {{"causal", true}}),
      masked_sample(longer, Dtype::f32, {2, 4, 3, 11}, {{"window", 3}, {"softcap", 3.0}}),
      lowest_sample(longer),
      lowest_sample({.h = 2, .n = 20, .l = 70}),
      masked_sample({.h = 2, .n = 4, .l = 64}, Dtype::boolean, {64}),
      masked_sample({.b = 2, .h = 2, .n = 4, .l = 64}, Dtype::boolean, {2, 1, 4, 64}),
      sample({.h = 4, .g = 2, .n = 3, .l = 37, .d = 128, .e = 128, .dtype = Dtype::bf16},
             {{"causal", true}}),
      sample({.b = 2, .h = 2, .g = 1, .n = 9, .l = 70, .d = 64, .e = 64, .dtype = Dtype::f16}),
      sample({.b = 2, .h = 4, .g = 2, .n = 5, .l = 7, .dtype = Dtype::f64}, {{"causal", true}}),
      sample({.b = 2, .h = 4, .g = 2, .n = 5, .l = 7, .dtype = Dtype::f16}, {{"causal", true}}),
      sample({.b = 2, .h = 4, .g = 2, .n = 5, .l = 7, .dtype = Dtype::bf16}, {{"causal", true}}),
  };
}

}  // namespace

Op attention() {
  return {
      .input_count_min = 3,
      .input_count_max = 4,
      .attributes = {{"scale", AttributeKind::real},
                     {"causal", AttributeKind::boolean, false},
                     {"window", AttributeKind::integer, 0},
                     {"softcap", AttributeKind::real, 0.0}},
      .infer = infer,
      .work = work,
      .reference = [](const ReferenceCall& call) { Reference(call).run(); },
      .samples = samples(),
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
