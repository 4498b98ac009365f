#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) { return {{in.attributes.get<Dtype>("dtype"), in[0].shape}}; }

// Through the target's own type, since rounding and saturation are what a cast means.
void reference(const ReferenceCall& call) {
  const Tensor narrow = call.inputs[0].cast(call.attributes.get<Dtype>("dtype"));
  const Tensor wide = narrow.cast(call.outputs[0].dtype());
  copy_elements(wide, 0, call.outputs[0], 0, wide.element_count());
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const Dtype from : dtypes_of(Elements::any)) {
    for (const Dtype to : dtypes_of(Elements::any)) {
      samples.push_back({{{from, {3, 7}, between(0, 9)}}, {{"dtype", to}}});
    }
  }
  for (const Extents& extents : {Extents{}, {5}, {2, 1, 9}, {2, 3, 1, 5}, {128, 256}}) {
    samples.push_back({{{Dtype::f32, extents}}, {{"dtype", Dtype::bf16}}});
  }
  // Beyond the range of the target.
  samples.push_back({{{Dtype::f32, {65}, between(-300, 300)}}, {{"dtype", Dtype::i8}}});
  samples.push_back({{{Dtype::f32, {65}, between(-1e6, 1e6)}}, {{"dtype", Dtype::f16}}});
  samples.push_back({{{Dtype::i32, {65}, between(-300, 300)}}, {{"dtype", Dtype::u8}}});
  return samples;
}

}  // namespace

Op cast() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = {{"dtype", AttributeKind::dtype}},
      .facts = {.elementwise = true},
      .infer = infer,
      .work = [](const OpInputs& in) { return elementwise_work(in, infer(in), 0); },
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
