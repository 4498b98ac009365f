#include "common/ops/support/samples.h"
#include "common/ops/support/scatter.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_scatter(in);
  const std::int64_t depth = fixed_last_extent(in[1]);
  if (depth < 1 || depth > rank_of(in[0])) {
    throw invalid("indices name {} axes of data of rank {}", depth, rank_of(in[0]));
  }
  Shape updates(in[1].shape.begin(), in[1].shape.end() - 1);
  updates.insert(updates.end(), in[0].shape.begin() + depth, in[0].shape.end());
  if (in[2].shape != updates) {
    throw invalid("updates must be {}: {}", to_string(updates), in[2].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

Work work(const OpInputs& in) {
  return {.flops = 0, .bytes = size_bytes(in[1]) + 2 * size_bytes(in[2])};
}

void reference(const ReferenceCall& call) {
  const Tensor &data = call.inputs[0], &indices = call.inputs[1], &out = call.outputs[0];
  const Extents& extents = data.extents();
  copy_elements(data, 0, out, 0, data.element_count());
  const Combine combine = combine_of(call.attributes.get<std::string>("reduction"), data.dtype());
  const std::vector<std::int64_t> strides = row_major_strides(extents);
  const std::int64_t depth = indices.extents().back();
  const std::int64_t slice = element_count(Extents(extents.begin() + depth, extents.end()));
  for (std::int64_t i = 0; i < indices.element_count() / depth; ++i) {
    std::int64_t first = 0;
    for (std::int64_t axis = 0; axis < depth; ++axis) {
      first +=
          checked_index("scatter_nd", indices, i * depth + axis, extents[axis]) * strides[axis];
    }
    for (std::int64_t k = 0; k < slice; ++k) combine(out, first + k, call.inputs[2], i * slice + k);
  }
}

Sample sample(Dtype dtype, const Extents& data, const Extents& indices, const char* reduction,
              Dtype index = Dtype::i64) {
  double least = 1e9;
  for (std::int64_t axis = 0; axis < indices.back(); ++axis) {
    least = std::min(least, static_cast<double>(data[axis]));
  }
  Extents updates(indices.begin(), indices.end() - 1);
  updates.insert(updates.end(), data.begin() + indices.back(), data.end());
  return {{{dtype, data}, {index, indices, index_below(least)}, {dtype, updates}},
          {{"reduction", std::string(reduction)}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {5}, {3, 1}, "none"),
      sample(Dtype::f32, {4, 5}, {3, 2}, "none"),
      sample(Dtype::f32, {4, 5}, {2, 3, 1}, "add", Dtype::i32),
      sample(Dtype::f32, {2, 3, 5}, {6, 2}, "mul"),
      sample(Dtype::f32, {2, 3, 1, 5}, {4, 1}, "max"),
      sample(Dtype::f32, {3, 3, 5}, {9, 3}, "min"),
      sample(Dtype::f32, {128, 64}, {40, 1}, "none"),
  };
  for (const Dtype dtype :
       {Dtype::f64, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8}) {
    samples.push_back(sample(dtype, {4, 7}, {3, 1}, "none"));
    samples.push_back(sample(dtype, {4, 7}, {3, 2}, "max"));
  }
  samples.push_back(sample(Dtype::i64, {4, 7}, {5, 1}, "add"));
  samples.push_back(sample(Dtype::boolean, {4, 7}, {3, 1}, "none"));
  return samples;
}

}  // namespace

Op scatter_nd() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = {{"reduction", AttributeKind::text, std::string("none")}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .updates = {{0, 0}},
  };
}

}  // namespace paceline::ops
