#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/cuda/module.h"
#include "kernels/device_runtime.h"

// The CUDA kernels and the devices that they run on, in a module that is loaded when they are first
// asked for. Any thread.
namespace paceline::kernels {

// Why no CUDA kernel can run here, ready to be shown: "no NVIDIA driver (libcuda.so.1)"; nullopt when
// one can. The first call initialises CUDA.
std::optional<std::string> cuda_absence();
// Null where cuda_absence() says why.
DeviceRuntime* device_runtime();
// What the module has, with a driver or without; empty without a module. Does not initialise CUDA.
std::span<const Kernel> cuda_kernels();
std::vector<CudaLibrary> cuda_libraries();

}  // namespace paceline::kernels
