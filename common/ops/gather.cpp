#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::indices, in[1]);
  const int axis = axis_of(in);
  Shape shape(in[0].shape.begin(), in[0].shape.begin() + axis);
  shape.insert(shape.end(), in[1].shape.begin(), in[1].shape.end());
  shape.insert(shape.end(), in[0].shape.begin() + axis + 1, in[0].shape.end());
  return {{in[0].dtype, shape}};
}

void reference(const ReferenceCall& call) {
  const Tensor& data = call.inputs[0];
  const Tensor& indices = call.inputs[1];
  const int rank = static_cast<int>(data.extents().size());
  const Rows rows =
      rows_of(data.extents(), positive_axis(call.attributes.get<std::int64_t>("axis"), rank));
  const std::int64_t chosen = indices.element_count();
  for (std::int64_t i = 0; i < chosen; ++i) {
    const std::int64_t index = indices.as<std::int64_t>()[i];
    if (index < 0 || index >= rows.extent) {
      throw invalid("gather: index {} at position {} lies outside [0, {})", index, i, rows.extent);
    }
    for (std::int64_t o = 0; o < rows.outer; ++o) {
      copy_elements(data, rows.offset(o, index, 0), call.outputs[0], (o * chosen + i) * rows.inner,
                    rows.inner);
    }
  }
}

Work work(const OpInputs& in) {
  Work work = moving_work(infer(in)[0]);
  work.bytes += size_bytes(in[1]);
  return work;
}

}  // namespace

Op gather() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"axis", AttributeKind::integer, 0}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {5}}, {Dtype::i64, {}, index_below(5)}}},
              {{{Dtype::f32, {5}}, {Dtype::i64, {3}, index_below(5)}}},
              {{{Dtype::f32, {5, 7}}, {Dtype::i64, {2, 3}, index_below(5)}}},
              {{{Dtype::f32, {5, 7}}, {Dtype::i32, {4}, index_below(7)}}, {{"axis", -1}}},
              {{{Dtype::f32, {2, 5, 1, 3}}, {Dtype::i64, {2, 1}, index_below(5)}}, {{"axis", 1}}},
              {{{Dtype::f32, {1000, 64}}, {Dtype::i64, {2, 40}, index_below(1000)}}},
              {{{Dtype::f64, {5, 7}}, {Dtype::i32, {4}, index_below(5)}}},
              {{{Dtype::bf16, {5, 7}}, {Dtype::i32, {4}, index_below(5)}}},
              {{{Dtype::i64, {5, 7}}, {Dtype::i64, {4}, index_below(5)}}},
              {{{Dtype::boolean, {5, 7}}, {Dtype::i64, {4}, index_below(5)}}},
          },
  };
}

}  // namespace paceline::ops
