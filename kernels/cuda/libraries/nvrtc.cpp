#include "kernels/cuda/libraries/nvrtc.h"

#include <array>
#include <memory>
#include <optional>

#include "common/base/error.h"
#include "kernels/cuda/libraries/find_library.h"

namespace paceline::kernels::cuda {
namespace {

struct Nvrtc {
  decltype(&nvrtcVersion) version;
  decltype(&nvrtcCreateProgram) create;
  decltype(&nvrtcDestroyProgram) destroy;
  decltype(&nvrtcCompileProgram) compile;
  decltype(&nvrtcGetProgramLogSize) log_size;
  decltype(&nvrtcGetProgramLog) log;
  decltype(&nvrtcGetCUBINSize) code_size;
  decltype(&nvrtcGetCUBIN) code;
};

struct Loaded {
  std::optional<Nvrtc> functions;
  CudaLibrary library{.name = "nvrtc"};
};

template <typename Function>
void find(const OpenedLibrary& library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(symbol_of(library, name));
}

Nvrtc functions_of(const OpenedLibrary& library) {
  Nvrtc made{};
  find(library, "nvrtcVersion", made.version);
  find(library, "nvrtcCreateProgram", made.create);
  find(library, "nvrtcDestroyProgram", made.destroy);
  find(library, "nvrtcCompileProgram", made.compile);
  find(library, "nvrtcGetProgramLogSize", made.log_size);
  find(library, "nvrtcGetProgramLog", made.log);
  find(library, "nvrtcGetCUBINSize", made.code_size);
  find(library, "nvrtcGetCUBIN", made.code);
  return made;
}

Loaded load() {
  Loaded loaded;
  const OpenedLibrary opened = open_library("libnvrtc.so.13");
  loaded.library.path = opened.path;
  loaded.library.absence = opened.absence;
  if (opened.handle == nullptr) return loaded;
  try {
    loaded.functions = functions_of(opened);
    int major = 0, minor = 0;
    loaded.functions->version(&major, &minor);
    loaded.library.version = fmt::format("{}.{}", major, minor);
  } catch (const Error& error) {
    loaded.functions.reset();
    loaded.library.absence = error.what();
  }
  return loaded;
}

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load());  // The thread that compiles may outlive main().
  return *one;
}

}  // namespace

const CudaLibrary& nvrtc_library() { return loaded().library; }

std::string compile_for_gpu(const std::string& text) {
  const Nvrtc& nvrtc = *loaded().functions;
  const auto expect = [](nvrtcResult result, const char* what) {
    if (result != NVRTC_SUCCESS) {
      throw unavailable("nvrtc, {}: error {}", what, static_cast<int>(result));
    }
  };
  nvrtcProgram program = nullptr;
  expect(nvrtc.create(&program, text.c_str(), "fused.cu", 0, nullptr, nullptr), "program");
  const auto destroy = [&](nvrtcProgram* made) { nvrtc.destroy(made); };
  const std::unique_ptr<nvrtcProgram, decltype(destroy)> owner(&program, destroy);
  constexpr std::array<const char*, 2> options = {"--gpu-architecture=sm_90a", "--std=c++17"};
  const nvrtcResult compiled =
      nvrtc.compile(program, static_cast<int>(options.size()), options.data());
  if (compiled != NVRTC_SUCCESS) {
    std::size_t size = 0;
    nvrtc.log_size(program, &size);
    std::string log(size, '\0');
    nvrtc.log(program, log.data());
    throw unavailable("nvrtc does not compile a generated kernel: {}", log);
  }
  std::size_t size = 0;
  expect(nvrtc.code_size(program, &size), "size of the code");
  std::string code(size, '\0');
  expect(nvrtc.code(program, code.data()), "code");
  return code;
}

}  // namespace paceline::kernels::cuda
