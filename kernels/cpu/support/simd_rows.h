#pragma once

#include <array>
#include <cstdint>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/places.h"
#include "kernels/cpu/support/views.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// Calls body(row of input 0, row of output 0, element count) for each row, over the threads. The
// last axis of both must have stride 1. A row is computed by one thread, so results do not depend
// on how many there are.
template <typename T, typename Body>
void parallel_rows(const Call& call, const Body& body) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const Places<2> rows({axes(x, 0, x.rank - 1), axes(out, 0, x.rank - 1)});
  const std::int64_t width = x.extents[x.rank - 1];
  parallel_ranges(rows.count(), width, call.threads, [&](std::int64_t begin, std::int64_t end) {
    rows.for_each(begin, end, [&](const auto& at) {
      body(reinterpret_cast<const T*>(at[0]), reinterpret_cast<T*>(at[1]), width);
    });
  });
}

}  // namespace paceline::kernels::cpu
