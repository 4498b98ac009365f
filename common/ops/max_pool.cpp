#include <algorithm>
#include <cmath>
#include <limits>

#include "common/ops/support/index.h"
#include "common/ops/support/pool.h"

namespace paceline::ops {

namespace {

Types infer(const OpInputs& in) {
  expect(Elements::numbers, in[0]);
  return {{in[0].dtype, pool_shape(in)}};
}

template <typename T>
void pool(const ReferenceCall& call, T least) {
  const Windows windows = pool_windows(call);
  const T* plane = call.inputs[0].as<T>();
  T* out = call.outputs[0].as<T>();
  const Extents& x = call.inputs[0].extents();
  for (std::int64_t channel = 0; channel < x[0] * x[1]; ++channel) {
    for (std::int64_t o = 0; o < windows.out_count(); ++o) {
      T largest = least;
      windows.for_each_tap(o, [&](std::int64_t, std::int64_t place) {
        if (ranks_above(plane[place], largest)) largest = plane[place];
      });
      *out++ = largest;
    }
    plane += windows.in_count();
  }
}

void reference(const ReferenceCall& call) {
  if (call.inputs[0].dtype() == Dtype::f64) return pool<double>(call, -INFINITY);
  pool<std::int64_t>(call, std::numeric_limits<std::int64_t>::min());
}

}  // namespace

Op max_pool() {
  return {
      .input_count_min = 1,
      .input_count_max = 1,
      .attributes = pool_attributes(),
      .infer = infer,
      .work = [](const OpInputs& in) { return pool_work(in, infer(in)[0]); },
      .reference = reference,
      .samples = pool_samples(dtypes_of(Elements::numbers)),
  };
}

}  // namespace paceline::ops
