#include "common/ops/support/samples.h"
#include "common/ops/support/scatter.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::indices, in[1]);
  const std::int64_t batches = in.attributes.get<std::int64_t>("batch_dims");
  const std::int64_t depth = fixed_last_extent(in[1]);
  if (batches < 0 || batches >= rank_of(in[1])) {
    throw invalid("batch_dims must lie in [0, {}): {}", rank_of(in[1]), batches);
  }
  if (depth < 1 || batches + depth > rank_of(in[0])) {
    throw invalid("indices name {} axes after {} batch axes of data of rank {}", depth, batches,
                  rank_of(in[0]));
  }
  for (std::int64_t axis = 0; axis < batches; ++axis) {
    expect_equal(in[0].shape[axis], in[1].shape[axis], "batch axes");
  }
  Shape shape(in[1].shape.begin(), in[1].shape.end() - 1);
  shape.insert(shape.end(), in[0].shape.begin() + batches + depth, in[0].shape.end());
  return {{in[0].dtype, shape}};
}

Work work(const OpInputs& in) {
  return {.flops = 0, .bytes = size_bytes(in[1]) + size_bytes(infer(in)[0])};
}

void reference(const ReferenceCall& call) {
  const Tensor &data = call.inputs[0], &indices = call.inputs[1];
  const Extents& extents = data.extents();
  const std::int64_t batch_axes = call.attributes.get<std::int64_t>("batch_dims");
  const std::int64_t depth = indices.extents().back();
  const std::vector<std::int64_t> strides = row_major_strides(extents);
  const std::int64_t batches =
      element_count(Extents(extents.begin(), extents.begin() + batch_axes));
  const std::int64_t batch_size =
      element_count(Extents(extents.begin() + batch_axes, extents.end()));
  const std::int64_t slice =
      element_count(Extents(extents.begin() + batch_axes + depth, extents.end()));
  if (batches == 0) return;
  const std::int64_t each = indices.element_count() / depth / batches;
  for (std::int64_t i = 0; i < batches * each; ++i) {
    std::int64_t first = i / each * batch_size;
    for (std::int64_t axis = 0; axis < depth; ++axis) {
      const std::int64_t extent = extents[batch_axes + axis];
      first += checked_index("gather_nd", indices, i * depth + axis, extent) *
               strides[batch_axes + axis];
    }
    copy_elements(data, first, call.outputs[0], i * slice, slice);
  }
}

Sample sample(Dtype dtype, const Extents& data, const Extents& indices, std::int64_t batch_dims = 0,
              Dtype index = Dtype::i64) {
  double least = 1e9;
  for (std::int64_t axis = 0; axis < indices.back(); ++axis) {
    least = std::min(least, static_cast<double>(data[batch_dims + axis]));
  }
  return {{{dtype, data}, {index, indices, index_below(least)}}, {{"batch_dims", batch_dims}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {5}, {3, 1}),
      sample(Dtype::f32, {4, 5}, {3, 2}),
      sample(Dtype::f32, {4, 5}, {2, 3, 1}, 0, Dtype::i32),
      sample(Dtype::f32, {2, 3, 5}, {2, 4, 1}, 1),
      sample(Dtype::f32, {2, 3, 4, 5}, {2, 3, 2, 1}, 2),
      sample(Dtype::f32, {2, 3, 4, 5}, {2, 2}, 1),
      sample(Dtype::f32, {128, 64}, {40, 1}),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::i8,
                            Dtype::u8, Dtype::boolean}) {
    samples.push_back(sample(dtype, {4, 7}, {3, 2}));
  }
  return samples;
}

}  // namespace

Op gather_nd() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"batch_dims", AttributeKind::integer, 0}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
