#include "kernels/cuda_module.h"

#include <dlfcn.h>

#include <filesystem>

#include "common/base/error.h"
#include "common/base/subprocess.h"
#include "kernels/cuda/interface_digest.h"

namespace paceline::kernels {
namespace {

struct Loaded {
  const CudaModule* module = nullptr;
  std::string absence = {};  // When there is none.
  std::vector<Kernel> kernels = {};
};

Loaded load() {
  const std::filesystem::path path = program_folder().parent_path() / "lib" / "libpaceline_cuda.so";
  if (!std::filesystem::exists(path)) {
    return {.absence =
                fmt::format("this program was built without nvcc: no module {}", path.string())};
  }
  // Never closed: kernels point into it.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return {.absence = dlerror()};
  const auto entry =
      reinterpret_cast<decltype(&paceline_cuda_module)>(dlsym(library, "paceline_cuda_module"));
  if (entry == nullptr) return {.absence = path.string() + " is no module of paceline"};
  const CudaModule* module = entry();
  if (module->interface_digest != std::string_view(cuda_interface_digest)) {
    return {.absence = fmt::format("{} is of another build: {}, and this program of {}",
                                   path.string(), module->interface_digest, cuda_interface_digest)};
  }
  return {.module = module, .kernels = module->kernels()};
}

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load());  // Outlives whoever still holds a kernel.
  return *one;
}

struct Runtime {
  DeviceRuntime* runtime = nullptr;
  std::string absence;
};

const Runtime& runtime() {
  static const Runtime one = [] {
    Runtime made;
    made.absence = loaded().absence;
    if (loaded().module != nullptr) made.runtime = loaded().module->runtime(made.absence);
    return made;
  }();
  return one;
}

}  // namespace

std::optional<std::string> cuda_absence() {
  if (runtime().runtime != nullptr) return std::nullopt;
  return runtime().absence;
}

DeviceRuntime* device_runtime() { return runtime().runtime; }

std::span<const Kernel> cuda_kernels() { return loaded().kernels; }

std::vector<CudaLibrary> cuda_libraries() {
  if (loaded().module == nullptr) return {};
  return loaded().module->libraries();
}

std::string to_string(const DataFault& fault) {
  switch (fault.kind) {
    case DataFault::none:
      return "no fault";
    case DataFault::outside:
      return fmt::format("index outside [{}, {}): {}", fault.low, fault.high, fault.value);
    case DataFault::division_by_zero:
      return "integer division by zero";
    case DataFault::negative_shift:
      return fmt::format("shift by a negative number: {}", fault.value);
    case DataFault::empty:
      return "nothing to reduce: 0 elements";
    default:
      return fmt::format("unknown fault {}", static_cast<int>(fault.kind));
  }
}

}  // namespace paceline::kernels
