#include "common/ops/support/samples.h"
#include "common/ops/support/scatter.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_scatter(in);
  axis_of(in);
  if (in[1].shape != in[2].shape || in[1].shape.size() != in[0].shape.size()) {
    throw invalid("indices and updates need equal shapes and as many axes as data: {}, {} and {}",
                  in[0].to_string(), in[1].to_string(), in[2].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

// Elements that no update meets may stay where they are.
Work work(const OpInputs& in) {
  return {.flops = 0, .bytes = size_bytes(in[1]) + 2 * size_bytes(in[2])};
}

void reference(const ReferenceCall& call) {
  const Tensor &data = call.inputs[0], &indices = call.inputs[1], &out = call.outputs[0];
  const int rank = static_cast<int>(data.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  copy_elements(data, 0, out, 0, data.element_count());
  const Combine combine = combine_of(call.attributes.get<std::string>("reduction"), data.dtype());
  const std::vector<std::int64_t> strides = row_major_strides(data.extents());
  std::int64_t source = 0;
  for_each_index(indices.extents(), [&](const std::vector<std::int64_t>& index) {
    std::vector<std::int64_t> place = index;
    place[axis] = checked_index("scatter_elements", indices, source, data.extents()[axis]);
    for (int i = 0; i < rank; ++i) {
      if (place[i] < data.extents()[i]) continue;
      throw invalid("scatter_elements: updates reach beyond data at axis {}: {} and {}", i,
                    to_string(indices.extents()), to_string(data.extents()));
    }
    combine(out, offset_of(place, strides), call.inputs[2], source++);
  });
}

Sample sample(Dtype dtype, const Extents& data, const Extents& indices, std::int64_t axis,
              const char* reduction = "none", Dtype index = Dtype::i64) {
  const auto extent = static_cast<double>(data[axis < 0 ? axis + data.size() : axis]);
  return {{{dtype, data}, {index, indices, index_below(extent)}, {dtype, indices}},
          {{"axis", axis}, {"reduction", std::string(reduction)}}};
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      sample(Dtype::f32, {5}, {3}, 0),
      sample(Dtype::f32, {4, 5}, {2, 5}, 0),
      sample(Dtype::f32, {4, 5}, {3, 9}, -1, "add", Dtype::i32),
      sample(Dtype::f32, {2, 3, 5}, {2, 2, 4}, 1, "mul"),
      sample(Dtype::f32, {2, 3, 1, 5}, {1, 3, 1, 4}, 3, "max"),
      sample(Dtype::f32, {2, 7}, {2, 9}, 1, "min"),
      sample(Dtype::f32, {128, 64}, {40, 64}, 0, "add"),
  };
  for (const Dtype dtype :
       {Dtype::f64, Dtype::f16, Dtype::bf16, Dtype::i64, Dtype::i32, Dtype::i8, Dtype::u8}) {
    samples.push_back(sample(dtype, {4, 7}, {3, 7}, 1));
    samples.push_back(sample(dtype, {4, 7}, {4, 2}, 1, "max"));
  }
  samples.push_back(sample(Dtype::f16, {2, 64}, {2, 32}, 1, "add"));
  samples.push_back(sample(Dtype::i32, {4, 7}, {4, 2}, 1, "add"));
  samples.push_back(sample(Dtype::boolean, {4, 7}, {3, 7}, 1));
  return samples;
}

}  // namespace

Op scatter_elements() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = {{"axis", AttributeKind::integer, 0},
                     {"reduction", AttributeKind::text, std::string("none")}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
      .updates = {{0, 0}},
  };
}

}  // namespace paceline::ops
