#include <algorithm>

#include "common/graph/graph.h"
#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/norms.h"

namespace paceline::ops {

namespace {

// Inputs. The norms' weights come both or not at all.
enum : std::size_t { q, k, v, cosines, sines, keys, values, q_norm, k_norm };

// q[B,N,H*D], k[B,N,G*D], v[B,N,G*E]; cosines and sines [N,R/2]; keys[B,G,C,D], values[B,G,C,E].
void check_states(const OpInputs& in, std::int64_t key_width, std::int64_t value_width) {
  const Shape& kept = in[keys].shape;
  const Shape& kept_values = in[values].shape;
  for (int axis = 0; axis < 3; ++axis) expect_equal(kept[axis], kept_values[axis], "states");
  expect_equal(kept[0], in[q].shape[0], "batches");
  expect_equal(in[k].shape[2], kept[1] * key_width, "keys");
  expect_equal(in[v].shape[2], kept[1] * value_width, "values");
  const Dim& start = in.attributes.get<Dim>("start");
  const auto rest = (kept[2] - start - in[q].shape[1]).constant();
  const auto first = start.constant();
  if ((rest && *rest < 0) || (first && *first < 0)) {
    throw invalid("positions {} to {} do not lie within {}", start.to_string(),
                  (start + in[q].shape[1]).to_string(), in[keys].to_string());
  }
}

void check_tables(const OpInputs& in, std::int64_t width) {
  const Shape& table = in[cosines].shape;
  if (table.size() != 2 || table != in[sines].shape) {
    throw invalid("cos and sin must have equal shapes of 2 axes: {} and {}",
                  in[cosines].to_string(), in[sines].to_string());
  }
  expect_equal(table[0], in[q].shape[1], "positions");
  const auto rest = (width - 2 * table[1]).constant();
  if (!rest || *rest < 0) {
    throw invalid("{} pairs do not lie within rows of {}", table[1].to_string(), width);
  }
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[q]);
  expect_equal_dtypes(in);
  if (in.size() == k_norm) throw invalid("one of queries and keys is normed, the other is not");
  for (const std::size_t i : {q, k, v}) {
    if (rank_of(in[i]) != 3) throw invalid("3 axes are wanted: {}", in[i].to_string());
  }
  for (const std::size_t i : {keys, values}) {
    if (rank_of(in[i]) != 4) throw invalid("4 axes are wanted: {}", in[i].to_string());
  }
  for (const std::size_t i : {k, v}) {
    for (int axis = 0; axis < 2; ++axis) expect_equal(in[q].shape[axis], in[i].shape[axis], "rows");
  }
  const std::int64_t width = fixed_last_extent(in[keys]);
  check_states(in, width, fixed_last_extent(in[values]));
  check_tables(in, width);
  const std::int64_t queries = fixed_last_extent(in[q]);
  if (width == 0 || queries % width != 0) {
    throw invalid("{} are no heads of {}", queries, width);
  }
  for (std::size_t i = q_norm; i < in.size(); ++i) {
    if (in[i].shape == Shape{width}) continue;
    throw invalid("a norm's weight must be [{}]: {}", width, in[i].to_string());
  }
  const Shape heads{in[q].shape[0], queries / width, in[q].shape[1], width};
  return {{in[q].dtype, heads}, in[keys], in[values]};
}

// Of the states, the rows that are written alone.
Work work(const OpInputs& in) {
  const Dim turned = count(in[q]) + count(in[k]);
  const Dim moved = 2 * (turned + count(in[v])) + 2 * count(in[cosines]);
  const bool has_norms = in.size() > q_norm;
  return {.flops = (has_norms ? 7 : 3) * turned,
          .bytes = moved * static_cast<std::int64_t>(size_bytes(in[q].dtype))};
}

// The heads of one row of `from`, normed and turned, into `to` whose heads lie `distance` apart.
class Heads {
 public:
  explicit Heads(const ReferenceCall& call)
      : call_(call),
        norm_{call.attributes.get<double>("epsilon"), call.attributes.get<double>("weight_offset")},
        is_interleaved_(call.attributes.get<bool>("interleaved")) {}

  void turn(const double* from, std::size_t weight, std::int64_t position, std::int64_t width,
            double* to) const {
    if (call_.inputs.size() > weight) {
      norm_(from, call_.inputs[weight].as<double>(), width, to);
    } else {
      std::copy_n(from, width, to);
    }
    const std::int64_t pairs = call_.inputs[cosines].extents()[1];
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const double cos = call_.inputs[cosines].as<double>()[position * pairs + pair];
      const double sin = call_.inputs[sines].as<double>()[position * pairs + pair];
      const std::int64_t i = is_interleaved_ ? 2 * pair : pair;
      const std::int64_t j = is_interleaved_ ? i + 1 : i + pairs;
      const double a = to[i], b = to[j];
      to[i] = a * cos - b * sin;
      to[j] = b * cos + a * sin;
    }
  }

 private:
  const ReferenceCall& call_;
  const RmsNorm norm_;
  const bool is_interleaved_;
};

void reference(const ReferenceCall& call) {
  const Heads heads(call);
  const Extents& kept = call.outputs[1].extents();
  const std::int64_t batches = kept[0], groups = kept[1], capacity = kept[2], width = kept[3];
  const std::int64_t value_width = call.outputs[2].extents()[3];
  const std::int64_t count = call.outputs[0].extents()[1], positions = call.outputs[0].extents()[2];
  const std::int64_t start = call.attributes.get<Dim>("start").evaluate({});
  if (start < 0 || start + positions > capacity) {
    throw invalid("head_append: positions {} to {} of {}", start, start + positions, capacity);
  }
  for (const int state : {0, 1}) {
    const Tensor& before = call.inputs[keys + state];
    copy_elements(before, 0, call.outputs[1 + state], 0, before.element_count());
  }
  for (std::int64_t b = 0; b < batches; ++b) {
    for (std::int64_t n = 0; n < positions; ++n) {
      const std::int64_t row = b * positions + n;
      for (std::int64_t h = 0; h < count; ++h) {
        heads.turn(call.inputs[q].as<double>() + (row * count + h) * width, q_norm, n, width,
                   call.outputs[0].as<double>() + ((b * count + h) * positions + n) * width);
      }
      for (std::int64_t g = 0; g < groups; ++g) {
        const std::int64_t to = (b * groups + g) * capacity + start + n;
        heads.turn(call.inputs[k].as<double>() + (row * groups + g) * width, k_norm, n, width,
                   call.outputs[1].as<double>() + to * width);
        copy_elements(call.inputs[v], (row * groups + g) * value_width, call.outputs[2],
                      to * value_width, value_width);
      }
    }
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const auto split = [&](const Value& x, const Dim& width) {
    const Dim heads = *x.dim(-1).constant() / *width.constant();
    return x.reshape({x.dim(0), x.dim(1), heads, width}).permute({0, 2, 1, 3});
  };
  const auto turn = [&](const Value& x, std::size_t weight) {
    Value heads = split(x, in[keys].dim(3));
    if (in.size() > weight) {
      heads = builder.op("rms_norm", {heads, in[weight]},
                         {{"epsilon", attributes.get<double>("epsilon")},
                          {"weight_offset", attributes.get<double>("weight_offset")}});
    }
    return builder.op("rope", {heads, in[cosines], in[sines]},
                      {{"interleaved", attributes.get<bool>("interleaved")}});
  };
  const auto append = [&](const Value& state, const Value& rows) {
    return builder.op("update_slice", {state, rows},
                      {{"axis", std::int64_t{2}}, {"start", attributes.get<Dim>("start")}});
  };
  return {turn(in[q], q_norm), append(in[keys], turn(in[k], k_norm)),
          append(in[values], split(in[v], in[values].dim(3)))};
}

struct Setting {
  std::int64_t batch = 1, positions = 1, heads = 2, groups = 1, width = 8, pairs = 4;
  std::int64_t capacity = 8, start = 0;
  bool has_norms = false, interleaved = false;
  double weight_offset = 0;
  std::int64_t value_width = 0;  // 0: as the keys'.
};

Sample sample(Dtype dtype, const Setting& s) {
  const std::int64_t value_width = s.value_width == 0 ? s.width : s.value_width;
  const Sample::Operand table{
      dtype, {s.positions, s.pairs}, {.kind = Domain::Kind::uniform, .low = -1, .high = 1}};
  Sample sample{{{dtype, {s.batch, s.positions, s.heads * s.width}},
                 {dtype, {s.batch, s.positions, s.groups * s.width}},
                 {dtype, {s.batch, s.positions, s.groups * value_width}},
                 table,
                 table,
                 {dtype, {s.batch, s.groups, s.capacity, s.width}},
                 {dtype, {s.batch, s.groups, s.capacity, value_width}}},
                {{"start", Dim(s.start)},
                 {"interleaved", s.interleaved},
                 {"weight_offset", s.weight_offset}}};
  if (!s.has_norms) return sample;
  sample.inputs.push_back({dtype, {s.width}});
  sample.inputs.push_back({dtype, {s.width}});
  return sample;
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {.heads = 1, .width = 2, .pairs = 1, .capacity = 1}),
      sample(Dtype::f32, {.start = 5}),
      sample(Dtype::f32, {.heads = 4, .groups = 2, .start = 7, .has_norms = true}),
      sample(Dtype::f32, {.positions = 0, .start = 3, .has_norms = true}),
      sample(Dtype::f32, {.batch = 2,
                          .positions = 3,
                          .heads = 6,
                          .groups = 3,
                          .width = 9,
                          .pairs = 3,
                          .start = 2,
                          .has_norms = true,
                          .interleaved = true,
                          .weight_offset = 1,
                          .value_width = 5}),
      sample(Dtype::f32, {.batch = 2,
                          .positions = 5,
                          .heads = 4,
                          .groups = 2,
                          .width = 16,
                          .pairs = 4,
                          .start = 1}),
      sample(Dtype::f32, {.positions = 17,
                          .heads = 4,
                          .groups = 2,
                          .width = 64,
                          .pairs = 32,
                          .capacity = 32,
                          .start = 9,
                          .has_norms = true}),
      sample(Dtype::f32, {.batch = 2,
                          .positions = 3,
                          .heads = 8,
                          .groups = 2,
                          .width = 128,
                          .pairs = 64,
                          .capacity = 4,
                          .start = 1,
                          .has_norms = true,
                          .weight_offset = 1}),
      sample(Dtype::f32, {.positions = 2,
                          .heads = 2,
                          .groups = 1,
                          .width = 80,
                          .pairs = 40,
                          .capacity = 6,
                          .start = 4}),
      sample(Dtype::f32, {.positions = 2,
                          .heads = 2,
                          .groups = 1,
                          .width = 256,
                          .pairs = 128,
                          .capacity = 4,
                          .has_norms = true}),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back(sample(dtype, {.heads = 4, .groups = 2, .start = 3, .has_norms = true}));
    samples.push_back(sample(dtype, {.batch = 2,
                                     .positions = 3,
                                     .heads = 6,
                                     .groups = 3,
                                     .width = 9,
                                     .pairs = 3,
                                     .start = 2,
                                     .interleaved = true}));
    samples.push_back(sample(dtype, {.heads = 16,
                                     .groups = 8,
                                     .width = 128,
                                     .pairs = 64,
                                     .capacity = 4,
                                     .start = 3,
                                     .has_norms = true}));
    samples.push_back(sample(dtype, {.positions = 7,
                                     .heads = 4,
                                     .groups = 2,
                                     .width = 64,
                                     .pairs = 32,
                                     .capacity = 12,
                                     .start = 5}));
    samples.push_back(sample(
        dtype,
        {.positions = 3, .heads = 2, .groups = 1, .width = 96, .pairs = 48, .has_norms = true}));
  }
  return samples;
}

}  // namespace

// What a decoder's layer does with its queries, keys and values before it attends: heads are split
// and, but for the values, normed and turned; keys and values go to their places in the states.
Op head_append() {
  return {
      .input_count_min = 7,
      .input_count_max = 9,
      .attributes = {{"start", AttributeKind::dim},
                     {"epsilon", AttributeKind::real, 1e-6},
                     {"weight_offset", AttributeKind::real, 0.0},
                     {"interleaved", AttributeKind::boolean, false}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .decompose = decompose,
      .updates = {{1, keys}, {2, values}},
  };
}

}  // namespace paceline::ops
