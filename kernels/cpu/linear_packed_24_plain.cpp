#include "common/ops/words24.h"
#include "kernels/cpu/support/packed_problem.h"

namespace paceline::kernels::cpu {
namespace {

namespace words24 = ops::words24;

template <typename Finish>
void multiply(const Call& call, const Finish& finish) {
  const TensorView &x = call.inputs[0], &packed = call.inputs[1], &out = call.outputs[0];
  const std::int64_t k = x.extents[x.rank - 1], n = out.extents[out.rank - 1];
  const std::int64_t rows = n == 0 ? 0 : out.element_count() / n;
  const float* bias = optional_input<float>(call, 2);
  auto* weight = static_cast<float*>(call.workspace);
  for (std::int64_t j = 0; j < n; ++j) {
    const auto* panel = packed.as<const std::int32_t>() +
                        j / words24::columns * words24::rows(k) * words24::columns +
                        j % words24::columns;
    words24::unpack_column(
        k, [&](std::int64_t row) { return panel[row * words24::columns]; },
        [&](std::int64_t i, double element) { weight[i] = static_cast<float>(element); });
    for (std::int64_t row = 0; row < rows; ++row) {
      const float* factors = x.as<const float>() + row * k;
      float sum = bias != nullptr ? bias[j] : 0;
      for (std::int64_t i = 0; i < k; ++i) sum += factors[i] * weight[i];
      out.as<float>()[row * n + j] = finish(sum);
    }
  }
}

void run(const Call& call) {
  const auto& activation = call.state<PackedState>().activation;
  if (!activation) return multiply(call, [](float sum) { return sum; });
  visit_activation(*activation, [&](const auto& function) { multiply(call, function); });
}

}  // namespace

Kernel linear_packed_24_plain() {
  return {
      .info =
          plain_info("linear_packed_24", {Dtype::f32}, {Strides::dense}, Precision::reorders, 0.01),
      .workspace_bytes = [](const OpInputs& in,
                            const Resources&) { return 4 * in[0].shape.back(); },
      .prepare = prepare<PackedState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
