#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

// The attribute `order` with every axis counted from the first.
std::vector<int> order_of(const Attributes& attributes, int rank) {
  const Integers& order = attributes.get<Integers>("order");
  std::vector<int> axes;
  std::vector<bool> seen(rank, false);
  for (const std::int64_t axis : order) {
    axes.push_back(positive_axis(axis, rank));
    if (seen[axes.back()]) throw invalid("axis {} is given twice", axis);
    seen[axes.back()] = true;
  }
  if (static_cast<int>(axes.size()) != rank) {
    throw invalid("the order names {} of {} axes", axes.size(), rank);
  }
  return axes;
}

Types infer(const OpInputs& in) {
  TensorType out{in[0].dtype, {}};
  for (const int axis : order_of(in.attributes, rank_of(in[0]))) {
    out.shape.push_back(in[0].shape[axis]);
  }
  return {out};
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const Tensor& out = call.outputs[0];
  const std::vector<int> order = order_of(call.attributes, x.extents().size());
  const std::vector<std::int64_t> own = row_major_strides(x.extents());
  std::vector<std::int64_t> strides;
  for (const int axis : order) strides.push_back(own[axis]);
  std::int64_t target = 0;
  for_each_index(out.extents(), [&](const std::vector<std::int64_t>& index) {
    copy_elements(x, offset_of(index, strides), out, target++);
  });
}

std::optional<StridedShape> view(const StridedShape& source, const OpInputs& in) {
  StridedShape result{.offset = source.offset};
  for (const int axis : order_of(in.attributes, rank_of(in[0]))) {
    result.shape.push_back(source.shape[axis]);
    result.strides.push_back(source.strides[axis]);
  }
  return result;
}

}  // namespace

Op permute() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"order", AttributeKind::integers}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(in[0]); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {3, 5}}}, {{"order", Integers{1, 0}}}},
              {{{Dtype::f32, {2, 3, 5}}}, {{"order", Integers{2, 0, 1}}}},
              {{{Dtype::f32, {2, 3, 4, 5}}}, {{"order", Integers{0, -2, 1, 3}}}},
              {{{Dtype::f32, {7}}}, {{"order", Integers{0}}}},
              {{{Dtype::bf16, {1, 3, 1, 5}}}, {{"order", Integers{3, 2, 1, 0}}}},
              {{{Dtype::i32, {3, 5}}}, {{"order", Integers{1, 0}}}},
              {{{Dtype::boolean, {3, 5}}}, {{"order", Integers{1, 0}}}},
          },
      .view = view,
  };
}

}  // namespace paceline::ops
