#include "common/ops/support/reduction.h"

#include <algorithm>
#include <vector>

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

std::vector<bool> reduced_axes(const Integers& axes, int rank) {
  std::vector<bool> reduced(rank, false);
  for (const std::int64_t axis : axes) {
    const int positive = positive_axis(axis, rank);
    if (reduced[positive]) throw invalid("axis {} is given twice", axis);
    reduced[positive] = true;
  }
  return reduced;
}

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  const auto reduced = reduced_axes(in.attributes.get<Integers>("axes"), rank_of(in[0]));
  const bool keep = in.attributes.get<bool>("keep_dims");
  TensorType out{in[0].dtype, {}};
  for (int axis = 0; axis < rank_of(in[0]); ++axis) {
    if (!reduced[axis]) out.shape.push_back(in[0].shape[axis]);
    if (reduced[axis] && keep) out.shape.push_back(1);
  }
  return {out};
}

template <typename T>
void reduce(const ReferenceCall& call, T start, T (*combine)(T, T)) {
  const Tensor& x = call.inputs[0];
  T* out = call.outputs[0].as<T>();
  std::fill_n(out, call.outputs[0].element_count(), start);
  const auto reduced = reduced_axes(call.attributes.get<Integers>("axes"), x.extents().size());
  Extents kept = x.extents();
  for (std::size_t axis = 0; axis < kept.size(); ++axis) {
    if (reduced[axis]) kept[axis] = 1;
  }
  std::vector<std::int64_t> strides = row_major_strides(kept);
  for (std::size_t axis = 0; axis < kept.size(); ++axis) {
    if (reduced[axis]) strides[axis] = 0;
  }
  const T* element = x.as<T>();
  for_each_index(x.extents(), [&](const std::vector<std::int64_t>& index) {
    T& total = out[offset_of(index, strides)];
    total = combine(total, *element++);
  });
}

void reduce_integers(const ReferenceCall& call, const char* name, const Reduction& reduction) {
  const bool has_no_elements = call.inputs[0].element_count() == 0;
  if (reduction.needs_integers && has_no_elements && call.outputs[0].element_count() > 0) {
    throw invalid("{}: no integers to choose from: {}", name, to_string(call.inputs[0].extents()));
  }
  reduce(call, reduction.integer_start, reduction.on_integers);
}

std::vector<Sample> samples() {
  return {
      {{{Dtype::f32, {7}}}, {{"axes", Integers{0}}}},
      {{{Dtype::f32, {3, 5}}}, {{"axes", Integers{-1}}}},
      {{{Dtype::f32, {3, 5}}}, {{"axes", Integers{0}}, {"keep_dims", true}}},
      {{{Dtype::f32, {2, 3, 5}}}, {{"axes", Integers{0, 2}}}},
      {{{Dtype::f32, {2, 3, 5}}}, {{"axes", Integers{-2}}, {"keep_dims", true}}},
      {{{Dtype::f32, {2, 1, 3, 9}}}, {{"axes", Integers{0, 1, 2, 3}}}},
      {{{Dtype::f32, {2, 5, 1, 3}}}, {{"axes", Integers{2, 1}}}},
      {{{Dtype::f32, {128, 256}}}, {{"axes", Integers{1}}}},
      {{{Dtype::f32, {128, 256}}}, {{"axes", Integers{0}}}},
      {{{Dtype::f64, {4, 33}}}, {{"axes", Integers{1}}}},
      {{{Dtype::f16, {4, 33}}}, {{"axes", Integers{1}}, {"keep_dims", true}}},
      {{{Dtype::bf16, {4, 33}}}, {{"axes", Integers{1}}}},
      {{{Dtype::i64, {4, 33}}}, {{"axes", Integers{0}}}},
      {{{Dtype::i32, {4, 33}}}, {{"axes", Integers{1}}}},
      {{{Dtype::i8, {3, 4}}}, {{"axes", Integers{1}}}},
      {{{Dtype::u8, {3, 4}}}, {{"axes", Integers{1}}}},
  };
}

}  // namespace

Op reduction(const char* name, const Reduction& reduction) {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"axes", AttributeKind::integers},
                     {"keep_dims", AttributeKind::boolean, false}},
      .facts = {.reduction = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 1); },
      .reference =
          [name, reduction](const ReferenceCall& call) {
            if (call.inputs[0].dtype() == Dtype::f64) {
              return reduce(call, reduction.float_start, reduction.on_floats);
            }
            reduce_integers(call, name, reduction);
          },
      .samples = samples(),
  };
}

}  // namespace paceline::ops
