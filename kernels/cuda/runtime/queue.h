#pragma once

#include <memory>

#include "kernels/device_runtime.h"

namespace paceline::kernels::cuda {

// A queue of its own on the device, which must be the thread's current one.
std::unique_ptr<DeviceQueue> open_queue(int device);

}  // namespace paceline::kernels::cuda
