#include "common/ops/winograd.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

namespace paceline::kernels::cpu {
namespace {

// G filter G^T; all products are formed, so that NaN and infinity reach all places, as in the op.
template <typename T>
void transform(const T* filter, const TensorView& weight, T* out, std::int64_t stride) {
  Compute<T> taps[3][3];
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      taps[a][b] = widen(filter[a * weight.strides[2] + b * weight.strides[3]]);
    }
  }
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      Compute<T> sum = 0;
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) {
          sum +=
              static_cast<Compute<T>>(ops::winograd_g[i][a] * ops::winograd_g[j][b]) * taps[a][b];
        }
      }
      out[(i * 6 + j) * stride] = static_cast<T>(sum);
    }
  }
}

void run(const Call& call) {
  const TensorView &weight = call.inputs[0], &out = call.outputs[0];
  const std::int64_t rows = weight.extents[0], channels = weight.extents[1];
  Floats::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::int64_t m = 0; m < rows; ++m) {
      for (std::int64_t c = 0; c < channels; ++c) {
        transform(weight.as<const T>() + m * weight.strides[0] + c * weight.strides[1], weight,
                  out.as<T>() + m * channels + c, rows * channels);
      }
    }
  });
}

}  // namespace

Kernel winograd_filter_plain() {
  return {
      .info = plain_info("winograd_filter", Floats::list(), {Strides::any}, Precision::reorders),
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
