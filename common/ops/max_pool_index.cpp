#include "common/ops/support/index.h"
#include "common/ops/support/pool.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  return {{Dtype::i64, pool_shape(in)}};
}

// The number of an element of a plane when its first spatial axis counts fastest.
std::int64_t column_major(std::int64_t place, const Windows& windows) {
  const auto& in = windows.in;
  const std::int64_t x = place % in[2], y = place / in[2] % in[1], z = place / in[2] / in[1];
  return z + in[0] * (y + in[1] * x);
}

template <typename T>
void pool(const ReferenceCall& call) {
  const Windows windows = pool_windows(call);
  const T* elements = call.inputs[0].as<T>();
  std::int64_t* out = call.outputs[0].as<std::int64_t>();
  const Extents& x = call.inputs[0].extents();
  const bool columns = call.attributes.get<bool>("column_major");
  for (std::int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    const std::int64_t first = channel * windows.in_count();
    for (std::int64_t o = 0; o < windows.out_count(); ++o) {
      std::int64_t best = -1;
      windows.for_each_tap(o, [&](std::int64_t, std::int64_t place) {
        if (best < 0 || ranks_above(elements[first + place], elements[first + best])) best = place;
      });
      if (best < 0) throw invalid("max_pool_index: window {} holds nothing but padding", o);
      *out++ = first + (columns ? column_major(best, windows) : best);
    }
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples;
  for (const bool columns : {false, true}) {
    for (Sample& sample : pool_samples(dtypes_of(Elements::numbers))) {
      sample.attributes.set("column_major", columns);
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

}  // namespace

Op max_pool_index() {
  std::vector<AttributeSpec> attributes = pool_attributes();
  attributes.push_back({"column_major", AttributeKind::boolean, false});
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = attributes,
      .infer = infer,
      .work = [](const OpInputs& in) { return pool_work(in, infer(in)[0]); },
      .reference =
          [](const ReferenceCall& call) {
            visit_wide(call.inputs[0].dtype(),
                       [&]<typename T>(std::type_identity<T>) { pool<T>(call); });
          },
      .samples = samples(),
  };
}

}  // namespace paceline::ops
