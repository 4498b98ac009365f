#pragma once

#include <cuda_runtime_api.h>

#include <memory>
#include <string>

namespace paceline::kernels::cuda {

// A kernel named `fused` that is compiled from text while the program runs.
class GeneratedKernel {
 public:
  virtual ~GeneratedKernel() = default;
  // Waits for it, the first time. Throws `unavailable` with the reason when it failed. Any thread.
  virtual const void* function() = 0;
};

// Asks for it: a thread in the background compiles, unless it was asked for before or the user's
// data folder has it, where code is kept under the digest of its text and compiler. Any thread.
// Requires: nvrtc is there.
std::shared_ptr<GeneratedKernel> generate_kernel(const std::string& text);

}  // namespace paceline::kernels::cuda
