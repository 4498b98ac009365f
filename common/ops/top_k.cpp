#include <algorithm>
#include <numeric>

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  const int axis = axis_of(in);
  const std::int64_t k = in.attributes.get<std::int64_t>("k");
  const auto extent = in[0].shape[axis].constant();
  if (k < 0 || (extent && k > *extent)) {
    throw invalid("k must lie in [0, {}]: {}", in[0].shape[axis].to_string(), k);
  }
  Shape shape = in[0].shape;
  shape[axis] = k;
  return {{in[0].dtype, shape}, {Dtype::i64, shape}};
}

template <typename T>
void select(const ReferenceCall& call, const Rows& rows, std::int64_t k) {
  const T* x = call.inputs[0].as<T>();
  T* values = call.outputs[0].as<T>();
  std::int64_t* indices = call.outputs[1].as<std::int64_t>();
  const Rows out{rows.outer, k, rows.inner};
  std::vector<std::int64_t> order(rows.extent);
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t n = 0; n < rows.inner; ++n) {
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
        return ranks_above(x[rows.offset(o, a, n)], x[rows.offset(o, b, n)]);
      });
      for (std::int64_t i = 0; i < k; ++i) {
        values[out.offset(o, i, n)] = x[rows.offset(o, order[i], n)];
        indices[out.offset(o, i, n)] = order[i];
      }
    }
  }
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const std::int64_t k = call.attributes.get<std::int64_t>("k");
  const Rows rows =
      rows_of(x.extents(), positive_axis(call.attributes.get<std::int64_t>("axis"), rank));
  if (k > rows.extent) throw invalid("top_k: k = {} of {} elements", k, rows.extent);
  visit_wide(x.dtype(), [&]<typename T>(std::type_identity<T>) { select<T>(call, rows, k); });
}

Work work(const OpInputs& in) { return elementwise_work(in, infer(in), 1); }

}  // namespace

Op top_k() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"k", AttributeKind::integer}, {"axis", AttributeKind::integer, -1}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {7}}}, {{"k", 1}}},
              {{{Dtype::f32, {7}}}, {{"k", 7}}},
              {{{Dtype::f32, {3, 5}}}, {{"k", 2}, {"axis", 0}}},
              {{{Dtype::f32, {2, 3, 5}}}, {{"k", 2}, {"axis", -2}}},
              {{{Dtype::f32, {2, 3, 1, 5}}}, {{"k", 1}, {"axis", 2}}},
              {{{Dtype::f32, {64, 128}}}, {{"k", 8}}},
              {{{Dtype::f64, {4, 33}}}, {{"k", 5}}},
              {{{Dtype::f16, {4, 33}}}, {{"k", 5}}},
              {{{Dtype::bf16, {4, 33}}}, {{"k", 5}}},
              {{{Dtype::i64, {4, 33}, index_below(5)}}, {{"k", 9}}},  // With ties.
              {{{Dtype::i32, {4, 33}, index_below(5)}}, {{"k", 9}}},
              {{{Dtype::i8, {4, 9}}}, {{"k", 3}}},
              {{{Dtype::u8, {4, 9}}}, {{"k", 3}}},
          },
  };
}

}  // namespace paceline::ops
