#include "common/ops/support/samples.h"
#include "common/ops/support/scatter.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::indices, in[1]);
  axis_of(in);
  if (in[1].shape.size() != in[0].shape.size()) {
    throw invalid("indices need as many axes as data: {} and {}", in[1].to_string(),
                  in[0].to_string());
  }
  return {{in[0].dtype, in[1].shape}};
}

// Several indices may name one element.
Work work(const OpInputs& in) {
  return {.flops = 0, .bytes = size_bytes(in[1]) + size_bytes(infer(in)[0])};
}

void reference(const ReferenceCall& call) {
  const Tensor &data = call.inputs[0], &indices = call.inputs[1];
  const int rank = static_cast<int>(data.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  const std::vector<std::int64_t> strides = row_major_strides(data.extents());
  std::int64_t target = 0;
  for_each_index(indices.extents(), [&](const std::vector<std::int64_t>& index) {
    std::vector<std::int64_t> place = index;
    place[axis] = checked_index("gather_elements", indices, target, data.extents()[axis]);
    for (int i = 0; i < rank; ++i) {
      if (place[i] < data.extents()[i]) continue;
      throw invalid("gather_elements: indices reach beyond data at axis {}: {} and {}", i,
                    to_string(indices.extents()), to_string(data.extents()));
    }
    copy_elements(data, offset_of(place, strides), call.outputs[0], target++);
  });
}

Sample sample(Dtype dtype, const Extents& data, const Extents& indices, std::int64_t axis,
              Dtype index = Dtype::i64) {
  const auto extent = static_cast<double>(data[axis < 0 ? axis + data.size() : axis]);
  return {{{dtype, data}, {index, indices, index_below(extent)}}, {{"axis", axis}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {5}, {3}, 0),
      sample(Dtype::f32, {4, 5}, {7, 5}, 0),
      sample(Dtype::f32, {4, 5}, {3, 9}, -1, Dtype::i32),
      sample(Dtype::f32, {2, 3, 5}, {2, 2, 4}, 1),
      sample(Dtype::f32, {2, 3, 1, 5}, {1, 3, 1, 4}, 3),
      sample(Dtype::f32, {128, 64}, {40, 64}, 0),
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::i8,
                            Dtype::u8, Dtype::boolean}) {
    samples.push_back(sample(dtype, {4, 7}, {3, 9}, 1));
  }
  return samples;
}

}  // namespace

Op gather_elements() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"axis", AttributeKind::integer, 0}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
