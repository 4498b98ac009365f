#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <memory>

#include "kernels/cuda/device/attention_decode.h"
#include "kernels/cuda/device/attention_ring.h"
#include "kernels/cuda/runtime/errors.h"
#include "kernels/cuda/support/attention_call.h"

namespace paceline::kernels::cuda {

// With the counters of attention over split keys. Each run leaves them at zero.
struct DecodeState : AttentionState {
  using AttentionState::AttentionState;

  struct Free {
    void operator()(int* memory) const { cudaFree(memory); }
  };
  std::unique_ptr<int, Free> counters;
  std::int64_t count = 0;

  void hold(std::int64_t wanted) {
    if (wanted <= count) return;
    void* memory = nullptr;
    const auto bytes = static_cast<std::size_t>(wanted) * sizeof(int);
    check_cuda(cudaMalloc(&memory, bytes), "counters of attention");
    counters.reset(static_cast<int*>(memory));
    count = wanted;
    check_cuda(cudaMemset(memory, 0, bytes), "counters of attention");
    check_cuda(cudaStreamSynchronize(nullptr), "counters of attention");
  }
};

inline void hold_counters(const AttentionArguments& p, const Call& call) {
  call.state<DecodeState>().hold(std::max(decode_counters(p), ring_counters(p)));
}

inline Dim decode_workspace_bytes(const OpInputs& in, const Resources&) {
  static_assert(ring_blocks_max <= decode_blocks);
  constexpr std::int64_t numbers = std::max(decode_block_rows, 2 * ring_rows_max);
  return (in[2].shape[3] + 2) * (decode_blocks * numbers * std::int64_t{sizeof(float)});
}

}  // namespace paceline::kernels::cuda
