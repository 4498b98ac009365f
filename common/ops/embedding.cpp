#include "common/graph/graph.h"
#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::indices, in[0]);
  if (in[1].shape.size() != 2) throw invalid("the table must have 2 axes: {}", in[1].to_string());
  Shape shape = in[0].shape;
  shape.push_back(in[1].shape[1]);
  return {{in[1].dtype, shape}};
}

Work work(const OpInputs& in) {
  Work work = moving_work(infer(in)[0]);
  work.bytes += size_bytes(in[0]);
  return work;
}

void reference(const ReferenceCall& call) {
  const Tensor& ids = call.inputs[0];
  const Tensor& table = call.inputs[1];
  const std::int64_t rows = table.extents()[0];
  const std::int64_t width = table.extents()[1];
  for (std::int64_t i = 0; i < ids.element_count(); ++i) {
    const std::int64_t id = ids.as<std::int64_t>()[i];
    if (id < 0 || id >= rows) {
      throw invalid("embedding: id {} at position {} lies outside [0, {})", id, i, rows);
    }
    copy_elements(table, id * width, call.outputs[0], i * width, width);
  }
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in, const Attributes&) {
  return {builder.op("gather", {in[1], in[0]}, {{"axis", 0}})};
}

}  // namespace

Op embedding() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::i64, {}, index_below(5)}, {Dtype::f32, {5, 7}}}},
              {{{Dtype::i64, {3}, index_below(5)}, {Dtype::f32, {5, 7}}}},
              {{{Dtype::i32, {2, 3}, index_below(5)}, {Dtype::f32, {5, 7}}}},
              {{{Dtype::i64, {2, 40}, index_below(1000)}, {Dtype::f32, {1000, 64}}}},
              {{{Dtype::i64, {2, 1}, index_below(1)}, {Dtype::f32, {1, 1}}}},
              {{{Dtype::i64, {4}, index_below(5)}, {Dtype::f64, {5, 7}}}},
              {{{Dtype::i64, {4}, index_below(5)}, {Dtype::f16, {5, 7}}}},
              {{{Dtype::i32, {4}, index_below(5)}, {Dtype::bf16, {5, 7}}}},
              {{{Dtype::i64, {4}, index_below(5)}, {Dtype::u8, {5, 34}}}},
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
