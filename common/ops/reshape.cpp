#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const Shape& shape = in.attributes.get<Shape>("shape");
  expect_extents(shape);
  if (element_count(shape) != count(in[0])) {
    throw invalid("element counts differ: {} and {}", to_string(in[0].shape), to_string(shape));
  }
  return {{in[0].dtype, shape}};
}

void reference(const ReferenceCall& call) {
  copy_elements(call.inputs[0], 0, call.outputs[0], 0, call.inputs[0].element_count());
}

// Neighbouring axes that walk memory like one axis of `extent` elements, `stride` apart.
struct Run {
  Dim extent;
  Dim stride;
};

// From the last axis to the first, as long as possible; axes of extent 1 lie anywhere.
std::vector<Run> runs_of(const StridedShape& source) {
  std::vector<Run> runs;
  for (std::size_t axis = source.shape.size(); axis-- > 0;) {
    if (source.shape[axis] == 1) continue;
    if (!runs.empty() && source.strides[axis] == runs.back().extent * runs.back().stride) {
      runs.back().extent *= source.shape[axis];
    } else {
      runs.push_back({source.shape[axis], source.strides[axis]});
    }
  }
  return runs;
}

// Each new axis must lie within one run: a product of new axes, from the last, equals each run.
std::optional<StridedShape> view(const StridedShape& source, const OpInputs& in) {
  const Shape& shape = in.attributes.get<Shape>("shape");
  StridedShape result{shape, row_major_strides(shape), source.offset};
  if (element_count(shape) == 0) return result;
  const std::vector<Run> runs = runs_of(source);
  auto run = runs.begin();
  Run rest = runs.empty() ? Run{1, 1} : *run;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (rest.extent == 1 && shape[axis] != 1 && run != runs.end()) {
      if (++run == runs.end()) return std::nullopt;
      rest = *run;
    }
    const auto quotient = rest.extent.divide_exactly(shape[axis]);
    if (!quotient) return std::nullopt;
    result.strides[axis] = rest.stride;
    rest = {*quotient, rest.stride * shape[axis]};
  }
  return result;
}

}  // namespace

Op reshape() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"shape", AttributeKind::shape}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(in[0]); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {12}}}, {{"shape", Shape{3, 4}}}},
              {{{Dtype::f32, {2, 3, 8}}}, {{"shape", Shape{2, 3, 2, 4}}}},
              {{{Dtype::f32, {2, 3, 1, 5}}}, {{"shape", Shape{6, 5}}}},
              {{{Dtype::f32, {1}}}, {{"shape", Shape{}}}},
              {{{Dtype::f16, {4, 6}}}, {{"shape", Shape{8, 3}}}},
              {{{Dtype::i64, {4, 6}}}, {{"shape", Shape{24, 1}}}},
              {{{Dtype::boolean, {4, 6}}}, {{"shape", Shape{2, 12}}}},
          },
      .view = view,
  };
}

}  // namespace paceline::ops
