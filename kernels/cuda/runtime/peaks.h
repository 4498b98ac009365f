#pragma once

#include "kernels/device_runtime.h"

namespace paceline::kernels::cuda {

// By copies and multiply-adds on a device that nothing else uses; `queue` is of that device.
DevicePeaks measure_peaks(DeviceRuntime& runtime, DeviceQueue& queue, int device);

}  // namespace paceline::kernels::cuda
