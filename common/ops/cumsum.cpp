#include "common/ops/support/elementwise.h"
#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  axis_of(in);
  return {{in[0].dtype, in[0].shape}};
}

template <typename T>
void scan(const Tensor& x, const Tensor& out, const Rows& rows, T (*add)(T, T)) {
  const T* in = x.as<T>();
  T* sums = out.as<T>();
  for (std::int64_t o = 0; o < rows.outer; ++o) {
    for (std::int64_t n = 0; n < rows.inner; ++n) {
      T sum = 0;
      for (std::int64_t i = 0; i < rows.extent; ++i) {
        const std::int64_t at = rows.offset(o, i, n);
        sums[at] = sum = add(sum, in[at]);
      }
    }
  }
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const Rows rows =
      rows_of(x.extents(), positive_axis(call.attributes.get<std::int64_t>("axis"), rank));
  if (x.dtype() == Dtype::i64) return scan(x, call.outputs[0], rows, wrapping_add);
  scan<double>(x, call.outputs[0], rows, [](double a, double b) { return a + b; });
}

}  // namespace

Op cumsum() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axis", AttributeKind::integer, -1}},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, {in[0]}, 1); },
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {7}}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", 0}}},
              {{{Dtype::f32, {2, 3, 5}}}, {{"axis", 1}}},
              {{{Dtype::f32, {2, 3, 1, 5}}}, {{"axis", -2}}},
              {{{Dtype::f32, {128, 256}}}},
              {{{Dtype::f64, {4, 33}}}},
              {{{Dtype::f16, {4, 33}}}},
              {{{Dtype::bf16, {4, 33}}}},
              {{{Dtype::i64, {4, 33}}}},
              {{{Dtype::i32, {4, 33}}}},
              {{{Dtype::i8, {4, 9}}}},
              {{{Dtype::u8, {4, 9}}}},
          },
  };
}

}  // namespace paceline::ops
