#include "common/ops/support/pool.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  return {{in[0].dtype, pool_shape(in)}};
}

void reference(const ReferenceCall& call) {
  const Windows windows = pool_windows(call);
  const bool counts_pads = call.attributes.get<bool>("count_include_pad");
  const double* plane = call.inputs[0].as<double>();
  double* out = call.outputs[0].as<double>();
  const Extents& x = call.inputs[0].extents();
  for (std::int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    for (std::int64_t o = 0; o < windows.out_count(); ++o) {
      double sum = 0;
      std::int64_t inside = 0;
      windows.for_each_tap(o, [&](std::int64_t, std::int64_t place) {
        sum += plane[place];
        ++inside;
      });
      *out++ = sum / static_cast<double>(counts_pads ? windows.taps_with_padding(o) : inside);
    }
    plane += windows.in_count();
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = pool_samples(dtypes_of(Elements::floats));
  const std::size_t count = samples.size();
  for (std::size_t i = 0; i < count; ++i) {
    samples.push_back(samples[i]);
    samples.back().attributes.set("count_include_pad", true);
  }
  return samples;
}

}  // namespace

Op average_pool() {
  std::vector<AttributeSpec> attributes = pool_attributes();
  attributes.push_back({"count_include_pad", AttributeKind::boolean, false});
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = attributes,
      .infer = infer,
      .work = [](const OpInputs& in) { return pool_work(in, infer(in)[0]); },
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
