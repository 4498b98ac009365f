#include "common/ops/support/arg_extremum.h"

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  const int axis = axis_of(in);
  TensorType out{Dtype::i64, in[0].shape};
  if (in.attributes.get<bool>("keep_dims")) {
    out.shape[axis] = 1;
  } else {
    out.shape.erase(out.shape.begin() + axis);
  }
  return {out};
}

template <typename T>
bool goes_before(Extremum sought, T a, T b) {
  if (sought == Extremum::largest) return ranks_above(a, b);
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && !std::isnan(b);
  }
  return a < b;
}

void reference(const char* name, Extremum sought, const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const int rank = static_cast<int>(x.extents().size());
  const Rows rows =
      rows_of(x.extents(), positive_axis(call.attributes.get<std::int64_t>("axis"), rank));
  std::int64_t* out = call.outputs[0].as<std::int64_t>();
  if (rows.extent == 0 && rows.outer * rows.inner > 0) {
    throw invalid("{}: no elements to choose from: {}", name, to_string(x.extents()));
  }
  visit_wide(x.dtype(), [&]<typename T>(std::type_identity<T>) {
    const T* elements = x.as<T>();
    for (std::int64_t o = 0; o < rows.outer; ++o) {
      for (std::int64_t n = 0; n < rows.inner; ++n) {
        std::int64_t best = 0;
        for (std::int64_t i = 1; i < rows.extent; ++i) {
          if (goes_before(sought, elements[rows.offset(o, i, n)],
                          elements[rows.offset(o, best, n)])) {
            best = i;
          }
        }
        out[o * rows.inner + n] = best;
      }
    }
  });
}

}  // namespace

Op arg_extremum(const char* name, Extremum sought) {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axis", AttributeKind::integer, -1},
                     {"keep_dims", AttributeKind::boolean, false}},
      .facts = {.reduction = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 1); },
      .reference = [name, sought](const ReferenceCall& call) { reference(name, sought, call); },
      .samples =
          {
              {{{Dtype::f32, {7}}}},
              {{{Dtype::f32, {3, 5}}}, {{"axis", 0}}},
              {{{Dtype::f32, {2, 3, 5}}}, {{"axis", 1}, {"keep_dims", true}}},
              {{{Dtype::f32, {2, 3, 1, 5}}}, {{"axis", -2}}},
              {{{Dtype::f32, {4, 1000}}}},
              {{{Dtype::f64, {4, 33}}}},
              {{{Dtype::f16, {4, 33}}}},
              {{{Dtype::bf16, {4, 33}}}},
              {{{Dtype::i64, {4, 33}, index_below(5)}}},  // With ties.
              {{{Dtype::i32, {4, 33}, index_below(5)}}},
              {{{Dtype::i8, {4, 9}}}},
              {{{Dtype::u8, {4, 9}}}},
          },
  };
}

}  // namespace paceline::ops
