#pragma once

#include "kernels/cuda/device/stream_rows.h"

namespace paceline::kernels::cuda {

// Rows that launch_load_rows takes at once.
inline constexpr std::int64_t load_rows_max = 4;

// Whether launch_load_rows takes it: up to load_rows_max rows that are, as all addresses of x, norm
// and weights, multiples of 16 bytes.
bool takes_load_rows(const StreamArguments& arguments);

// As launch_stream_rows, with weights that go to registers: each warp has its first piece of up to
// four weight rows on the way, where weights last, while kernels ahead in the stream still run.
void launch_load_rows(const StreamArguments& arguments, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
