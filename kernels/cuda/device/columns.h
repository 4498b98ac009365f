#pragma once

#include "kernels/cuda/device/windows.h"

// A convolution of one group around a library's product of its filters [M,K] and columns [B,K,P]: K
// counts channels and taps, P the windows. Everything is dense.
namespace paceline::kernels::cuda {

// What each tap of each window of each channel lies on; 0 in the padding.
void launch_columns(const Convolution& of, void* columns, const LaunchPlace& place);

// Adds the bias to the product, which is in `out`, and finishes it. The residual is in it already.
void launch_finish(const Convolution& of, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
