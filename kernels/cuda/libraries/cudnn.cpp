#include "kernels/cuda/libraries/cudnn.h"

#if __has_include(<cudnn.h>)

#include <cuda_runtime_api.h>

#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "common/base/error.h"
#include "kernels/cuda/libraries/cublaslt.h"
#include "kernels/cuda/libraries/find_library.h"
#include "kernels/cuda/libraries/nvrtc.h"
#include "kernels/cuda/runtime/errors.h"

namespace paceline::kernels::cuda {
namespace {

struct Loaded {
  std::optional<Cudnn> functions;
  CudaLibrary library{.name = "cudnn"};
};

template <typename Function>
void find(const OpenedLibrary& library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(symbol_of(library, name));
}

Cudnn functions_of(const OpenedLibrary& library) {
  Cudnn made{};
  find(library, "cudnnCreate", made.create);
  find(library, "cudnnSetStream", made.set_stream);
  find(library, "cudnnGetErrorString", made.error_string);
  find(library, "cudnnBackendCreateDescriptor", made.create_descriptor);
  find(library, "cudnnBackendDestroyDescriptor", made.destroy_descriptor);
  find(library, "cudnnBackendSetAttribute", made.set_attribute);
  find(library, "cudnnBackendGetAttribute", made.get_attribute);
  find(library, "cudnnBackendFinalize", made.finalize);
  find(library, "cudnnBackendExecute", made.execute);
  return made;
}

// It asks the loader for cublasLt and NVRTC by their names, which are known once they are open.
void open_what_it_loads() {
  cublaslt_library();
  nvrtc_library();
}

Loaded load() {
  Loaded loaded;
  open_what_it_loads();
  const OpenedLibrary opened = open_library("libcudnn.so.9");
  loaded.library.path = opened.path;
  loaded.library.absence = opened.absence;
  if (opened.handle == nullptr) return loaded;
  try {
    loaded.functions = functions_of(opened);
    decltype(&cudnnGetVersion) version_of = nullptr;
    find(opened, "cudnnGetVersion", version_of);
    const std::size_t version = version_of();  // 91900 is 9.19.0.
    loaded.library.version =
        fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
  } catch (const Error& error) {
    loaded.functions.reset();
    loaded.library.absence = error.what();
  }
  return loaded;
}

const Loaded& loaded() {
  static const Loaded* one = new Loaded(load());  // Outlives whoever still runs a kernel.
  return *one;
}

}  // namespace

const Cudnn* cudnn() { return loaded().functions ? &*loaded().functions : nullptr; }

const CudaLibrary& cudnn_library() { return loaded().library; }

cudnnHandle_t cudnn_handle(CUstream_st* stream) {
  static std::mutex mutex;
  static auto* handles = new std::map<std::pair<int, CUstream_st*>, cudnnHandle_t>;
  int device = 0;
  check_cuda(cudaGetDevice(&device), "cudaGetDevice");
  const std::lock_guard lock(mutex);
  cudnnHandle_t& handle = (*handles)[{device, stream}];
  if (handle == nullptr) {
    check_cudnn(cudnn()->create(&handle), "cudnnCreate");
    check_cudnn(cudnn()->set_stream(handle, stream), "cudnnSetStream");
  }
  return handle;
}

void check_cudnn(cudnnStatus_t status, std::string_view what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw unavailable("{}: cuDNN answers {}", what, cudnn()->error_string(status));
}

}  // namespace paceline::kernels::cuda

#else

namespace paceline::kernels::cuda {

const CudaLibrary& cudnn_library() {
  static const CudaLibrary none{.name = "cudnn",
                                .absence = "this program was built without cudnn.h"};
  return none;
}

}  // namespace paceline::kernels::cuda

#endif
