#pragma once

#include <string>
#include <vector>

#include "kernels/device_runtime.h"
#include "kernels/kernel.h"

// The boundary between the program and lib/libpaceline_cuda.so. Both come from one build, so C++
// types cross it; `interface_digest` proves that they do.
namespace paceline::kernels {

// A library of NVIDIA's that is looked for at run time.
struct CudaLibrary {
  std::string name;     // "cublaslt"
  std::string version;
  std::string path;
  std::string absence;  // Empty: it was found.
};

struct CudaModule {
  const char* interface_digest = nullptr;
  // Named, with digests. Needs no device. Kernels of libraries that were not found are left out.
  std::vector<Kernel> (*kernels)() = nullptr;
  // Null and why: no driver, no device. Lives as long as the program.
  DeviceRuntime* (*runtime)(std::string& absence) = nullptr;
  std::vector<CudaLibrary> (*libraries)() = nullptr;
};

}  // namespace paceline::kernels

// The module's one export.
extern "C" const paceline::kernels::CudaModule* paceline_cuda_module();
