#include "kernels/cuda/libraries/nvrtc.h"

#include <array>
#include <memory>
#include <string>

#include "common/base/error.h"
#include "kernels/cuda/libraries/loaded_library.h"

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

std::string find_all(const OpenedLibrary& library, Nvrtc& made) {
  find(library, "nvrtcVersion", made.version);
  find(library, "nvrtcCreateProgram", made.create);
  find(library, "nvrtcDestroyProgram", made.destroy);
  find(library, "nvrtcCompileProgram", made.compile);
  find(library, "nvrtcGetProgramLogSize", made.log_size);
  find(library, "nvrtcGetProgramLog", made.log);
  find(library, "nvrtcGetCUBINSize", made.code_size);
  find(library, "nvrtcGetCUBIN", made.code);
  int major = 0, minor = 0;
  made.version(&major, &minor);
  return fmt::format("{}.{}", major, minor);
}

using Loaded = LoadedLibrary<Nvrtc>;

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load_library<Nvrtc>(
      "nvrtc", "libnvrtc.so.13", find_all));  // The thread that compiles may outlive main().
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
