#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {

// Numbers that a kernel's state keeps on the device. Made in `prepare` or `bind`: it allocates and
// waits.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  // Numbers that the kernel writes.
  explicit DeviceArray(std::int64_t count) {
    if (count == 0) return;
    void* memory = nullptr;
    check_cuda(cudaMalloc(&memory, count * sizeof(T)), "memory of a kernel's state");
    memory_.reset(static_cast<T*>(memory));
  }
  explicit DeviceArray(const std::vector<T>& values)
      : DeviceArray(static_cast<std::int64_t>(values.size())) {
    if (values.empty()) return;
    check_cuda(cudaMemcpy(data(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice),
               "copy of a kernel's state");
    // Other streams see it only once it has arrived.
    check_cuda(cudaStreamSynchronize(nullptr), "copy of a kernel's state");
  }

  T* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(T* memory) const { cudaFree(memory); }
  };
  std::unique_ptr<T, Free> memory_;
};

}  // namespace paceline::kernels::cuda
