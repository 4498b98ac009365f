#include <algorithm>
#include <limits>

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

// How many of start, start + step, ... lie before stop.
Dim length_of(const Dim& start, const Dim& stop, std::int64_t step) {
  const Dim distance = step > 0 ? stop - start : start - stop;
  const std::int64_t stride = step > 0 ? step : -step;
  if (const auto fixed = distance.constant()) {
    return *fixed <= 0 ? 0 : (*fixed - 1) / stride + 1;
  }
  if (const auto length = distance.divide_exactly(stride)) return *length;
  throw invalid("a step of {} must divide the symbolic distance {}", step, distance.to_string());
}

// Where symbols leave it open, the reference and whoever binds them check.
void check_bound(const char* name, const Dim& bound, const Dim& low, const Dim& high) {
  const auto below = (bound - low).constant();
  const auto above = (high - bound).constant();
  if ((below && *below < 0) || (above && *above < 0)) {
    throw invalid("{} = {} lies outside [{}, {}]", name, bound.to_string(), low.to_string(),
                  high.to_string());
  }
}

Types infer(const OpInputs& in) {
  const int axis = axis_of(in);
  const Dim& extent = in[0].shape[axis];
  const Dim& start = in.attributes.get<Dim>("start");
  const Dim& stop = in.attributes.get<Dim>("stop");
  const std::int64_t step = in.attributes.get<std::int64_t>("step");
  if (step == 0 || step == std::numeric_limits<std::int64_t>::min()) {
    throw invalid("the step may be neither 0 nor beyond any axis: {}", step);
  }
  TensorType out{in[0].dtype, in[0].shape};
  out.shape[axis] = length_of(start, stop, step);
  // Backwards, stop = -1 lies before the first element.
  check_bound("start", start, 0, out.shape[axis] == 0 || step > 0 ? extent : extent - 1);
  check_bound("stop", stop, step > 0 ? 0 : -1, extent);
  return {out};
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const Tensor& out = call.outputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  const std::int64_t start = call.attributes.get<Dim>("start").evaluate({});
  const std::int64_t step = call.attributes.get<std::int64_t>("step");
  const Rows from = rows_of(x.extents(), axis);
  const Rows to = rows_of(out.extents(), axis);
  const std::int64_t last = start + (to.extent - 1) * step;
  if (to.extent > 0 && (std::min(start, last) < 0 || std::max(start, last) >= from.extent)) {
    throw invalid("slice: elements {} to {} of an axis of {}", start, last, from.extent);
  }
  for (std::int64_t o = 0; o < to.outer; ++o) {
    for (std::int64_t i = 0; i < to.extent; ++i) {
      copy_elements(x, from.offset(o, start + i * step, 0), out, to.offset(o, i, 0), to.inner);
    }
  }
}

std::optional<StridedShape> view(const StridedShape& source, const OpInputs& in) {
  const int axis = axis_of(in);
  StridedShape result = source;
  result.shape = infer(in)[0].shape;
  result.offset += in.attributes.get<Dim>("start") * source.strides[axis];
  result.strides[axis] *= in.attributes.get<std::int64_t>("step");
  return result;
}

}  // namespace

Op slice() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axis", AttributeKind::integer},
                     {"start", AttributeKind::dim, Dim(0)},
                     {"stop", AttributeKind::dim},
                     {"step", AttributeKind::integer, 1}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(infer(in)[0]); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {7}}}, {{"axis", 0}, {"start", Dim(2)}, {"stop", Dim(5)}}},
              {{{Dtype::f32, {7}}},
               {{"axis", 0}, {"start", Dim(1)}, {"stop", Dim(7)}, {"step", 3}}},
              {{{Dtype::f32, {7}}},
               {{"axis", 0}, {"start", Dim(6)}, {"stop", Dim(-1)}, {"step", -2}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", -1}, {"start", Dim(1)}, {"stop", Dim(4)}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", 0}, {"stop", Dim(2)}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", 0}, {"start", Dim(3)}, {"stop", Dim(3)}}},
              {{{Dtype::f32, {2, 3, 4, 5}}}, {{"axis", 2}, {"start", Dim(1)}, {"stop", Dim(3)}}},
              {{{Dtype::f16, {3, 8}}}, {{"axis", 1}, {"stop", Dim(8)}, {"step", 2}}},
              {{{Dtype::i64, {3, 8}}}, {{"axis", 1}, {"start", Dim(7)}, {"stop", Dim(8)}}},
              {{{Dtype::boolean, {3, 8}}}, {{"axis", 1}, {"stop", Dim(3)}}},
          },
      .view = view,
  };
}

}  // namespace paceline::ops
