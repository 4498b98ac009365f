#include <optional>

#include "kernels/cpu/support/onednn_convolution.h"

namespace paceline::kernels::cpu {
namespace {

struct State : BlockedState {
  using BlockedState::BlockedState;
  std::optional<OnednnConvolution> convolution;
};

bool has_products(const BlockedCall<float>& conv) {
  return conv.products() > 0 && conv.in() > 0 && conv.depth > 0;
}

void bind(const Call& call) {
  auto& state = call.state<State>();
  const auto conv = blocked_call<float>(call);
  if (!has_products(conv)) return;
  if (state.convolution && state.convolution->fits(conv, call.threads)) return;
  state.convolution.emplace(conv, call.threads);
}

// Sums of no products.
void run_without(const BlockedCall<float>& conv) {
  const std::int64_t block = conv.pixels() * channel_block;
  for (std::int64_t i = 0; i < conv.batches * conv.rows * block; ++i) {
    float sum = conv.bias[i / block % conv.rows * channel_block + i % channel_block];
    if (conv.residual != nullptr) sum += conv.residual[i];
    conv.out[i] = conv.activation(sum);
  }
}

void run(const Call& call) {
  const auto conv = blocked_call<float>(call);
  if (!has_products(conv)) return run_without(conv);
  call.state<State>().convolution->run(conv);
}

Kernel kernel(const char* op) {
  return {.info = {.name = op,
                   .op = op,
                   .library = "onednn",
                   .accepts =
                       {.dtypes = {Dtype::f32}, .rank_min = 5, .rank_max = 5, .isa = {"avx512f"}},
                   .precision = Precision::reorders,
                   .library_version = onednn_version(),
                   .expected_efficiency = 0.6},
          .prepare = prepare<State>,
          .bind = bind,
          .run = run};
}

}  // namespace

// Names of members: conv_blocked_onednn.conv_blocked, conv_blocked_onednn.conv_blocked_residual.
std::vector<Kernel> conv_blocked_onednn() {
  return {kernel("conv_blocked"), kernel("conv_blocked_residual")};
}

}  // namespace paceline::kernels::cpu
