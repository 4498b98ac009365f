#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_equal_dtypes(in);
  const int axis = axis_of(in);
  Shape same = in[1].shape;
  if (same.size() == in[0].shape.size()) same[axis] = in[0].shape[axis];
  if (same != in[0].shape) {
    throw invalid("shapes differ beside axis {}: {} and {}", axis, in[0].to_string(),
                  in[1].to_string());
  }
  const Dim& start = in.attributes.get<Dim>("start");
  const auto rest = (in[0].shape[axis] - start - in[1].shape[axis]).constant();
  const auto first = start.constant();
  if ((rest && *rest < 0) || (first && *first < 0)) {
    throw invalid("rows {} to {} do not lie within axis {} of {}", start.to_string(),
                  (start + in[1].shape[axis]).to_string(), axis, in[0].to_string());
  }
  return {{in[0].dtype, in[0].shape}};
}

void reference(const ReferenceCall& call) {
  const Tensor& target = call.inputs[0];
  const Tensor& update = call.inputs[1];
  const int rank = static_cast<int>(target.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  const std::int64_t start = call.attributes.get<Dim>("start").evaluate({});
  const Rows to = rows_of(target.extents(), axis);
  const Rows from = rows_of(update.extents(), axis);
  if (start < 0 || start + from.extent > to.extent) {
    throw invalid("update_slice: rows {} to {} of an axis of {}", start, start + from.extent,
                  to.extent);
  }
  copy_elements(target, 0, call.outputs[0], 0, target.element_count());
  for (std::int64_t o = 0; o < to.outer; ++o) {
    copy_elements(update, from.offset(o, 0, 0), call.outputs[0], to.offset(o, start, 0),
                  from.extent * from.inner);
  }
}

}  // namespace

// The work is that of the update alone: the target stays where it is.
Op update_slice() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"axis", AttributeKind::integer}, {"start", AttributeKind::dim}},
      .infer = infer,
      .work = [](const OpInputs& in) { return moving_work(in[1]); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {7}}, {Dtype::f32, {3}}}, {{"axis", 0}, {"start", Dim(2)}}},
              {{{Dtype::f32, {3, 5}}, {Dtype::f32, {1, 5}}}, {{"axis", 0}, {"start", Dim(2)}}},
              {{{Dtype::f32, {3, 5}}, {Dtype::f32, {3, 2}}}, {{"axis", -1}, {"start", Dim(0)}}},
              {{{Dtype::f32, {3, 5}}, {Dtype::f32, {3, 5}}}, {{"axis", 1}, {"start", Dim(0)}}},
              {{{Dtype::f32, {3, 5}}, {Dtype::f32, {0, 5}}}, {{"axis", 0}, {"start", Dim(3)}}},
              {{{Dtype::f32, {2, 3, 32, 8}}, {Dtype::f32, {2, 3, 1, 8}}},
               {{"axis", 2}, {"start", Dim(17)}}},
              {{{Dtype::f64, {3, 5}}, {Dtype::f64, {2, 5}}}, {{"axis", 0}, {"start", Dim(1)}}},
              {{{Dtype::f16, {3, 5}}, {Dtype::f16, {2, 5}}}, {{"axis", 0}, {"start", Dim(1)}}},
              {{{Dtype::bf16, {3, 5}}, {Dtype::bf16, {2, 5}}}, {{"axis", 0}, {"start", Dim(1)}}},
              {{{Dtype::i64, {3, 5}}, {Dtype::i64, {2, 5}}}, {{"axis", 0}, {"start", Dim(1)}}},
          },
      .updates = {{0, 0}},
  };
}

}  // namespace paceline::ops
