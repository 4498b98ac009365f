#include "common/ops/support/row_wise.h"

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  axis_of(in);
  return {{in[0].dtype, in[0].shape}};
}

void map_rows(const ReferenceCall& call, RowFunction function) {
  const Tensor& x = call.inputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const Rows rows =
      rows_of(x.extents(), positive_axis(call.attributes.get<std::int64_t>("axis"), rank));
  if (rows.extent == 0) return;
  std::vector<double> row(rows.extent);
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t n = 0; n < rows.inner; ++n) {
      for (std::int64_t i = 0; i < rows.extent; ++i) {
        row[i] = x.as<double>()[rows.offset(o, i, n)];
      }
      function(row);
      for (std::int64_t i = 0; i < rows.extent; ++i) {
        call.outputs[0].as<double>()[rows.offset(o, i, n)] = row[i];
      }
    }
  }
}

}  // namespace

Op row_wise(const RowWise& row_wise) {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axis", AttributeKind::integer, -1}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 4); },
      .reference = [function =
                        row_wise.row](const ReferenceCall& call) { map_rows(call, function); },
      .samples =
          {
              {{{Dtype::f32, {1}}}},
              {{{Dtype::f32, {7}}}},
              {{{Dtype::f32, {3, 5}}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", 0}}},
              {{{Dtype::f32, {2, 3, 5}}}, {{"axis", 1}}},
              {{{Dtype::f32, {2, 3, 1, 65}}}},
              {{{Dtype::f32, {4, 1000}, {.kind = Domain::Kind::uniform, .low = -30, .high = 30}}}},
              {{{Dtype::f32, {128, 256}}}},
              {{{Dtype::f64, {4, 33}}}},
              {{{Dtype::f16, {4, 33}}}},
              {{{Dtype::bf16, {4, 33}}}},
          },
      .decompose = row_wise.decompose,
  };
}

}  // namespace paceline::ops
