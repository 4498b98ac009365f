#pragma once

#include <string>

#include "kernels/device_runtime.h"

namespace paceline::kernels::cuda {

// The process's one runtime; null and why where no GPU can be used. Any thread.
DeviceRuntime* open_runtime(std::string& absence);

}  // namespace paceline::kernels::cuda
