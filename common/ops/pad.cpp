#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const Integers& low = in.attributes.get<Integers>("low");
  const Integers& high = in.attributes.get<Integers>("high");
  const std::size_t rank = in[0].shape.size();
  if (low.size() != rank || high.size() != rank) {
    throw invalid("low and high need {} entries, one an axis: {} and {}", rank, low.size(),
                  high.size());
  }
  TensorType out{in[0].dtype, in[0].shape};
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (low[axis] < 0 || high[axis] < 0) {
      throw invalid("padding may not be negative (use slice): {} and {} at axis {}", low[axis],
                    high[axis], axis);
    }
    out.shape[axis] += low[axis] + high[axis];
  }
  return {out};
}

void reference(const ReferenceCall& call) {
  const Tensor& x = call.inputs[0];
  const Tensor& out = call.outputs[0];
  const Integers& low = call.attributes.get<Integers>("low");
  const Tensor value = Tensor::of<double>({}, {call.attributes.get<double>("value")});
  const Tensor filler = value.cast(out.dtype());
  for (std::int64_t i = 0; i < out.element_count(); ++i) copy_elements(filler, 0, out, i);
  const std::vector<std::int64_t> strides = row_major_strides(out.extents());
  const std::int64_t first = offset_of(low, strides);
  std::int64_t source = 0;
  for_each_index(x.extents(), [&](const std::vector<std::int64_t>& index) {
    copy_elements(x, source++, out, first + offset_of(index, strides));
  });
}

Work work(const OpInputs& in) { return {.flops = 0, .bytes = bytes_of(in, infer(in))}; }

}  // namespace

Op pad() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"low", AttributeKind::integers},
                     {"high", AttributeKind::integers},
                     {"value", AttributeKind::real, 0.0}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{{Dtype::f32, {3}}}, {{"low", Integers{2}}, {"high", Integers{1}}}},
              {{{Dtype::f32, {3, 5}}},
               {{"low", Integers{0, 1}}, {"high", Integers{2, 0}}, {"value", -1.5}}},
              {{{Dtype::f32, {2, 3, 1, 5}}},
               {{"low", Integers{0, 1, 2, 0}}, {"high", Integers{0, 0, 1, 3}}}},
              {{{Dtype::f16, {3, 5}}}, {{"low", Integers{1, 1}}, {"high", Integers{1, 1}}}},
              {{{Dtype::i64, {3, 5}}},
               {{"low", Integers{1, 1}}, {"high", Integers{1, 1}}, {"value", 7.0}}},
              {{{Dtype::boolean, {3, 5}}},
               {{"low", Integers{1, 1}}, {"high", Integers{1, 1}}, {"value", 1.0}}},
          },
  };
}

}  // namespace paceline::ops
