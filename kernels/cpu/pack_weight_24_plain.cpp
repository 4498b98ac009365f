#include <algorithm>

#include "common/ops/words24.h"
#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/parallel.h"

namespace paceline::kernels::cpu {
namespace {

namespace words24 = ops::words24;

void run(const Call& call) {
  const TensorView &weight = call.inputs[0], &out = call.outputs[0];
  const int inner = call.state<AffineState>().transpose_weight ? 1 : 0;
  const std::int64_t k = weight.extents[inner], n = weight.extents[1 - inner];
  const std::int64_t inner_stride = weight.strides[inner], stride = weight.strides[1 - inner];
  const std::int64_t panel_words = words24::rows(k) * words24::columns;
  const auto pack = [&](std::int64_t panel) {
    auto* to = out.as<std::int32_t>() + panel * panel_words;
    const std::int64_t begin = panel * words24::columns;
    const std::int64_t columns = std::min(words24::columns, n - begin);
    if (columns < words24::columns) std::fill_n(to, panel_words, 0);
    for (std::int64_t j = 0; j < columns; ++j) {
      const float* column = weight.as<const float>() + (begin + j) * stride;
      words24::pack_column(
          k, [&](std::int64_t i) { return column[i * inner_stride]; },
          [&](std::int64_t row, std::int32_t word) { to[row * words24::columns + j] = word; });
    }
  };
  parallel_ranges(words24::panels(n), panel_words, call.threads,
                  [&](std::int64_t first, std::int64_t last) {
                    for (std::int64_t panel = first; panel < last; ++panel) pack(panel);
                  });
}

}  // namespace

Kernel pack_weight_24_plain() {
  return {
      .info = plain_info("pack_weight_24", {Dtype::f32}, {Strides::any}, Precision::exact, 0.05),
      .prepare = prepare<AffineState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
