#pragma once

#include "kernels/cuda/module.h"

#if __has_include(<cudnn.h>)
#include <cudnn.h>
#endif

#include <string_view>

namespace paceline::kernels::cuda {

// Found and opened by the first call; its `absence` says why there is none. Any thread.
const CudaLibrary& cudnn_library();

#if __has_include(<cudnn.h>)

// What we call of cuDNN, under its own names without the prefix.
struct Cudnn {
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;
};

// Null: cudnn_library() says why. Any thread.
const Cudnn* cudnn();

// Of the thread's current device and of one stream, which one thread at a time uses: made by the
// first call, kept, and set to that stream.
cudnnHandle_t cudnn_handle(CUstream_st* stream);

// Throws `unavailable` for what is no success.
void check_cudnn(cudnnStatus_t status, std::string_view what);

#endif

}  // namespace paceline::kernels::cuda
