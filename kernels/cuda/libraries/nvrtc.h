#pragma once

#include <nvrtc.h>

#include <string>

#include "kernels/cuda/module.h"

namespace paceline::kernels::cuda {

// Found and opened by the first call; its `absence` says why there is none. Any thread.
const CudaLibrary& nvrtc_library();

// The native code of a text for sm_90a. Throws `unavailable` with the compiler's log. Requires: the
// library is there.
std::string compile_for_gpu(const std::string& text);

}  // namespace paceline::kernels::cuda
