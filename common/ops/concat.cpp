#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect_equal_dtypes(in);
  const int axis = axis_of(in);
  TensorType out{in[0].dtype, in[0].shape};
  for (std::size_t i = 1; i < in.size(); ++i) {
    Shape same = in[i].shape;
    if (same.size() == out.shape.size()) same[axis] = in[0].shape[axis];
    if (same != in[0].shape) {
      throw invalid("shapes differ beside axis {}: {} and {}", axis, in[0].to_string(),
                    in[i].to_string());
    }
    out.shape[axis] += in[i].shape[axis];
  }
  return {out};
}

void reference(const ReferenceCall& call) {
  const Tensor& out = call.outputs[0];
  const int rank = static_cast<int>(out.extents().size());
  const int axis = positive_axis(call.attributes.get<std::int64_t>("axis"), rank);
  const Rows to = rows_of(out.extents(), axis);
  std::int64_t first = 0;
  for (const Tensor& x : call.inputs) {
    const Rows from = rows_of(x.extents(), axis);
    for (std::int64_t o = 0; o < from.outer; ++o) {
      copy_elements(x, from.offset(o, 0, 0), out, to.offset(o, first, 0), from.extent * from.inner);
    }
    first += from.extent;
  }
}

Work work(const OpInputs& in) { return moving_work(infer(in)[0]); }

}  // namespace

Op concat() {
  return {
      .input_count_min = 1,
      .input_count_max = -1,
      .attributes = {{"axis", AttributeKind::integer}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {3}}}, {{"axis", 0}}},
              {{{Dtype::f32, {3}}, {Dtype::f32, {4}}}, {{"axis", 0}}},
              {{{Dtype::f32, {3, 2}}, {Dtype::f32, {3, 5}}}, {{"axis", -1}}},
              {{{Dtype::f32, {3, 2}}, {Dtype::f32, {1, 2}}, {Dtype::f32, {2, 2}}}, {{"axis", 0}}},
              {{{Dtype::f32, {2, 3, 0, 5}}, {Dtype::f32, {2, 3, 4, 5}}}, {{"axis", 2}}},
              {{{Dtype::f32, {64, 128}}, {Dtype::f32, {64, 128}}}, {{"axis", 1}}},
              {{{Dtype::f16, {3, 2}}, {Dtype::f16, {3, 5}}}, {{"axis", 1}}},
              {{{Dtype::i64, {3, 2}}, {Dtype::i64, {3, 5}}}, {{"axis", 1}}},
              {{{Dtype::boolean, {3, 2}}, {Dtype::boolean, {3, 5}}}, {{"axis", 1}}},
          },
  };
}

}  // namespace paceline::ops
