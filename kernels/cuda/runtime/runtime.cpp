#include "kernels/cuda/runtime/runtime.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/runtime/errors.h"
#include "kernels/cuda/runtime/peaks.h"
#include "kernels/cuda/runtime/queue.h"

namespace paceline::kernels::cuda {
namespace {

constexpr int lowest_architecture = 90;  // What the module's device code is compiled for.

class Runtime final : public DeviceRuntime {
 public:
  explicit Runtime(int count) : count_(count) {}

  int count() const override { return count_; }

  DeviceProperties properties(int device) const override {
    cudaDeviceProp found{};
    check_cuda(cudaGetDeviceProperties(&found, device), "cudaGetDeviceProperties");
    char bus_id[32] = {};
    check_cuda(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device), "cudaDeviceGetPCIBusId");
    return {.name = found.name,
            .architecture = fmt::format("sm_{}{}", found.major, found.minor),
            .bus_id = bus_id,
            .multiprocessors = found.multiProcessorCount,
            .memory_bytes = static_cast<std::int64_t>(found.totalGlobalMem),
            .l2_bytes = found.l2CacheSize};
  }

  DeviceMemory memory(int device) const override {
    const Current current(device);
    std::size_t free = 0, total = 0;
    check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return {static_cast<std::int64_t>(free), static_cast<std::int64_t>(total)};
  }

  void make_current(int device) override { check_cuda(cudaSetDevice(device), "cudaSetDevice"); }

  DeviceBytes allocate(int device, std::int64_t bytes) override {
    if (bytes == 0) return nullptr;
    const Current current(device);
    void* memory = nullptr;
    const cudaError_t status = cudaMalloc(&memory, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      const DeviceMemory there = this->memory(device);
      throw exhausted("cuda:{} has {} bytes free of {}: wanted {}", device, there.free_bytes,
                      there.total_bytes, bytes);
    }
    check_cuda(status, "cudaMalloc");
    return {static_cast<std::byte*>(memory), [](std::byte* pointer) { cudaFree(pointer); }};
  }

  DeviceBytes allocate_pinned(std::int64_t bytes) override {
    if (bytes == 0) return nullptr;
    void* memory = nullptr;
    check_cuda(cudaHostAlloc(&memory, bytes, cudaHostAllocPortable),
               fmt::format("pinned memory of {} bytes", bytes));
    return {static_cast<std::byte*>(memory), [](std::byte* pointer) { cudaFreeHost(pointer); }};
  }

  std::unique_ptr<DeviceQueue> open_queue(int device) override {
    make_current(device);
    return cuda::open_queue(device);
  }

  DevicePeaks measure_peaks(int device) override {
    const auto queue = open_queue(device);
    return cuda::measure_peaks(*this, *queue, device);
  }

 private:
  // Another device for a while.
  class Current {
   public:
    explicit Current(int device) {
      check_cuda(cudaGetDevice(&before_), "cudaGetDevice");
      check_cuda(cudaSetDevice(device), "cudaSetDevice");
    }
    ~Current() { cudaSetDevice(before_); }
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

   private:
    int before_ = 0;
  };

  const int count_;
};

// Empty when all devices can run the module's code.
std::string too_old(int count) {
  for (int device = 0; device < count; ++device) {
    int major = 0, minor = 0;
    if (cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) != cudaSuccess) {
      return fmt::format("cuda:{} does not answer", device);
    }
    if (major * 10 + minor != lowest_architecture) {
      return fmt::format("its kernels are compiled for sm_{}, and cuda:{} is sm_{}{}",
                         lowest_architecture, device, major, minor);
    }
  }
  return {};
}

}  // namespace

DeviceRuntime* open_runtime(std::string& absence) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver || status == cudaErrorNoDevice) {
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver == 0) {
      absence = "no NVIDIA driver (libcuda.so.1)";
    } else if (status == cudaErrorNoDevice) {
      absence = "no NVIDIA GPU is visible";
    } else {
      absence = fmt::format("the NVIDIA driver serves CUDA {}.{}, and this build needs {}.{}",
                            driver / 1000, driver % 1000 / 10, CUDART_VERSION / 1000,
                            CUDART_VERSION % 1000 / 10);
    }
    return nullptr;
  }
  if (status != cudaSuccess) {
    absence = fmt::format("CUDA does not start: {}", cudaGetErrorString(status));
    return nullptr;
  }
  absence = too_old(count);
  if (!absence.empty()) return nullptr;
  static Runtime* one = new Runtime(count);  // Freed memory asks for it until the program ends.
  return one;
}

}  // namespace paceline::kernels::cuda
