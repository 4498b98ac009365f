#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  const TensorType out{in.attributes.get<Dtype>("dtype"), {in.attributes.get<Dim>("extent")}};
  expect(Elements::numbers, out);
  expect_extents(out.shape);
  return {out};
}

void reference(const ReferenceCall& call) {
  const std::int64_t start = call.attributes.get<Dim>("start").evaluate({});
  const Tensor& out = call.outputs[0];
  for (std::int64_t i = 0; i < out.element_count(); ++i) {
    if (out.dtype() == Dtype::f64) {
      out.as<double>()[i] = static_cast<double>(start + i);
    } else {
      out.as<std::int64_t>()[i] = start + i;
    }
  }
}

Work work(const OpInputs& in) { return {.flops = 0, .bytes = bytes_of(in, infer(in))}; }

}  // namespace

Op iota() {
  return {
      .attributes = {{"start", AttributeKind::dim, Dim(0)},
                     {"extent", AttributeKind::dim},
                     {"dtype", AttributeKind::dtype, Dtype::i64}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              {{}, {{"extent", Dim(7)}}},
              {{}, {{"start", Dim(-3)}, {"extent", Dim(33)}}},
              {{}, {{"start", Dim(5)}, {"extent", Dim(9)}, {"dtype", Dtype::i32}}},
              {{}, {{"extent", Dim(0)}, {"dtype", Dtype::i8}}},
              {{}, {{"extent", Dim(200)}, {"dtype", Dtype::u8}}},
              {{}, {{"start", Dim(2)}, {"extent", Dim(9)}, {"dtype", Dtype::f32}}},
              {{}, {{"extent", Dim(9)}, {"dtype", Dtype::f64}}},
              {{}, {{"extent", Dim(9)}, {"dtype", Dtype::f16}}},
              {{}, {{"extent", Dim(9)}, {"dtype", Dtype::bf16}}},
          },
  };
}

}  // namespace paceline::ops
