#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const Shape& shape = in.attributes.get<Shape>("shape");
  expect_extents(shape);
  const std::size_t rank = in[0].shape.size();
  bool fits = rank <= shape.size();
  for (std::size_t i = 0; fits && i < rank; ++i) {
    const Dim& from = in[0].shape[i];
    fits = from == 1 || from == shape[shape.size() - rank + i];
  }
  if (!fits) throw invalid("{} does not broadcast to {}", to_string(in[0].shape), to_string(shape));
  return {{in[0].dtype, shape}};
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const Tensor& out = call.outputs[0];
  std::vector<std::int64_t> strides = row_major_strides(x.extents());
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    if (x.extents()[axis] == 1) strides[axis] = 0;
  }
  strides.insert(strides.begin(), out.extents().size() - strides.size(), 0);
  std::int64_t target = 0;
  for_each_index(out.extents(), [&](const std::vector<std::int64_t>& index) {
    copy_elements(x, offset_of(index, strides), out, target++);
  });
}

std::optional<StridedShape> view(const StridedShape& source, const OpInputs& in) {
  const Shape& shape = in.attributes.get<Shape>("shape");
  StridedShape result{shape, std::vector<Dim>(shape.size(), 0), source.offset};
  const std::size_t added = shape.size() - source.shape.size();
  for (std::size_t axis = 0; axis < source.shape.size(); ++axis) {
    if (source.shape[axis] == shape[added + axis]) {
      result.strides[added + axis] = source.strides[axis];
    }
  }
  return result;
}

Work work(const OpInputs& in) {
  const Types out = infer(in);
  return {.flops = 0, .bytes = bytes_of(in, out)};
}

}  // namespace

Op broadcast() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"shape", AttributeKind::shape}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {}}}, {{"shape", Shape{3, 5}}}},
              {{{Dtype::f32, {5}}}, {{"shape", Shape{3, 5}}}},
              {{{Dtype::f32, {3, 1}}}, {{"shape", Shape{3, 5}}}},
              {{{Dtype::f32, {2, 1, 3, 1}}}, {{"shape", Shape{2, 4, 3, 5}}}},
              {{{Dtype::f32, {3, 5}}}, {{"shape", Shape{3, 5}}}},
              {{{Dtype::f32, {1}}}, {{"shape", Shape{0}}}},
              {{{Dtype::bf16, {1, 5}}}, {{"shape", Shape{2, 3, 5}}}},
              {{{Dtype::i64, {3, 1}}}, {{"shape", Shape{3, 5}}}},
              {{{Dtype::boolean, {1, 1, 5}}}, {{"shape", Shape{2, 3, 5}}}},
          },
      .view = view,
  };
}

}  // namespace paceline::ops
