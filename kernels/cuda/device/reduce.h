#pragma once

#include "kernels/cuda/device/walk.h"

namespace paceline::kernels::cuda {

enum class Fold : int { sum, product, largest, least };

// What is combined into each element of the output. Long reductions of few elements are split:
// their parts meet in the workspace, in an order that is always the same.
struct Reduction {
  Walk<2> kept;     // Operands: x, out.
  Walk<1> reduced;  // Of x, relative to a place of `kept`.
  Fold fold = Fold::sum;
  bool is_contiguous = false;  // x's reduced elements lie beside each other.
  void* workspace = nullptr;
};
inline constexpr std::int64_t reduction_workspace_bytes = 4096 * 8;
void launch_reduction(const Reduction& reduction, Element dtype, const LaunchPlace& place);

// The first place along `reduced` whose element goes before all others: the largest or the least,
// NaN before both. Out is of 64-bit integers. Long lanes are divided: their parts meet in the
// workspace.
inline constexpr std::int64_t extremum_tickets = 16;
struct Extremum {
  Walk<2> kept;
  std::int64_t width = 0, step = 0;
  bool is_largest = true;
  void* workspace = nullptr;         // reduction_workspace_bytes.
  std::uint32_t* tickets = nullptr;  // extremum_tickets of them, 0 before and after.
};
void launch_extremum(const Extremum& extremum, Element dtype, const LaunchPlace& place);

// Lanes of x and out.
struct Lanes {
  Walk<2> lanes;
  std::int64_t width = 0, x_step = 0, out_step = 0;
};
void launch_cumsum(const Lanes& lanes, Element dtype, const LaunchPlace& place);

// The `k` best of each lane in order, NaN first, the first of equals first. Operands: x, values,
// indices.
// Long lanes are divided: each part's best meet in the workspace.
inline constexpr std::int64_t long_lane = 16384, top_k_parts = 64;
struct TopK {
  Walk<3> lanes;
  std::int64_t width = 0, k = 0;
  std::int64_t steps[3] = {};
  void* workspace = nullptr;  // 8 * lanes * top_k_parts * k bytes where lanes may be long.
};
void launch_top_k(const TopK& top, Element dtype, const LaunchPlace& place);

}  // namespace paceline::kernels::cuda
