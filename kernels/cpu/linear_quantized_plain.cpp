#include "common/ops/block_codes.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/quantized.h"

namespace paceline::kernels::cpu {
namespace {

template <typename T>
void multiply(const Call& call) {
  const ops::BlockFormat& format = call.state<QuantizedState>().format;
  const QuantizedProduct<T> p = quantized_product<T>(call);
  auto* weight = static_cast<float*>(call.workspace);
  for (std::int64_t column = 0; column < p.n; ++column) {
    ops::dequantize_row(format, p.blocks + column * p.row_bytes, p.k, weight);
    for (std::int64_t row = 0; row < p.m; ++row) {
      const T* x = p.x + row * p.k;
      Compute<T> sum = p.bias != nullptr ? widen(p.bias[column]) : Compute<T>{0};
      for (std::int64_t i = 0; i < p.k; ++i)
        sum += widen(x[i]) * static_cast<Compute<T>>(weight[i]);
      p.out[row * p.n + column] = static_cast<T>(sum);
    }
  }
}

void run(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { multiply<T>(call); });
}

}  // namespace

Kernel linear_quantized_plain() {
  return {
      .info = plain_info("linear_quantized", Floats::list(), {Strides::dense}, Precision::reorders,
                         0.005),
      .workspace_bytes = [](const OpInputs& in,
                            const Resources&) { return 4 * in[0].shape.back(); },
      .prepare = prepare<QuantizedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
