#include "kernels/cuda/device/stream_blocks.h"

#include "kernels/cuda/device/block_elements.cuh"
#include "kernels/cuda/device/block_units.cuh"
#include "kernels/cuda/device/stream_ring.cuh"

namespace paceline::kernels::cuda {
namespace {

using namespace stream;

constexpr int unit_elements = 32;

// What one lane keeps of x: as many units as it unpacks of a weight row, and the sums of their
// halves.
template <typename T, int rows, int pieces>
struct Kept {
  float at[rows][pieces][unit_elements];
  float sums[rows][pieces][2];
  bool are_finite = true;  // The sums: else nothing can be taken off again.

  __device__ void load(const StreamArguments& p, int first, int end) {
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const T* x =
          static_cast<const T*>(p.x) + min(static_cast<std::int64_t>(r), p.rows - 1) * p.depth;
#pragma unroll
      for (int piece = 0; piece < pieces; ++piece) {
        const int unit = first + 32 * piece;
        constexpr int vector = 16 / sizeof(T);
        uint4 loaded[unit_elements / vector];
#pragma unroll
        for (int v = 0; v < unit_elements / vector; ++v) {
          loaded[v] = unit < end ? reinterpret_cast<const uint4*>(x + unit * unit_elements)[v]
                                 : make_uint4(0, 0, 0, 0);
        }
        const T* elements = reinterpret_cast<const T*>(loaded);
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          float sum = 0;
#pragma unroll
          for (int i = 16 * half; i < 16 * half + 16; ++i) {
            at[r][piece][i] = widen(elements[i]);
            sum += at[r][piece][i];
          }
          sums[r][piece][half] = sum;
          are_finite = are_finite && sum - sum == 0;
        }
      }
    }
  }
};

template <typename T, int rows, int pieces, typename Format>
__global__ void __launch_bounds__(block_threads)
    stream_blocks(const __grid_constant__ StreamArguments p, const __grid_constant__ Ring ring,
                  std::int64_t all_columns) {
  extern __shared__ __align__(128) char memory[];
  __shared__ Barriers barriers;
  prefetch_weights(p, ring, all_columns, memory, barriers);
  wait_for_earlier();
  const Share share(p, ring, all_columns);
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (warp == warps) {
    if (lane == 0) bring_weights(p, ring, share, memory, barriers);
    return;
  }
  float early = 0;
  if (threadIdx.x < share.columns * rows) early = added<T>(p, Result(p, share, threadIdx.x));
  const int slice = warp % ring.slices, group = warp / ring.slices, groups = warps / ring.slices;
  const int all_units = static_cast<int>(p.depth) / unit_elements;
  const int slice_units = (all_units + ring.slices - 1) / ring.slices;
  const int first = slice * slice_units + lane, end = min((slice + 1) * slice_units, all_units);
  Kept<T, rows, pieces> x;
  x.load(p, first, end);
  float* sums = reinterpret_cast<float*>(memory + ring.sums_at);
  const int stage_bytes = ring.stage_rows * ring.row_bytes;
  int slot = 0, parity = 0;
  for (int base = 0; base < share.rows; base += ring.stage_rows) {
    await(&barriers.full[slot], parity);
    const int here = min(ring.stage_rows, share.rows - base);
#pragma unroll 2
    for (int own = group; own < here; own += groups) {
      const char* row = memory + slot * stage_bytes + own * ring.row_bytes;
      float own_sums[rows] = {};
#pragma unroll
      for (int piece = 0; piece < pieces; ++piece) {
        if (first + 32 * piece >= end) continue;
        units::Unit unit;
        Format::load(row, first + 32 * piece, unit);
        if (!x.are_finite) {
#pragma unroll
          for (int i = 0; i < unit_elements; ++i) {
            const float code = Format::value(unit.codes[i / 4], i % 4) - Format::excess;
            float element = unit.scales[i / 16] * code;
            if constexpr (Format::has_minimum) element -= unit.minimum;
#pragma unroll
            for (int r = 0; r < rows; ++r) own_sums[r] += x.at[r][piece][i] * element;
          }
          continue;
        }
        float halves[rows][2] = {};
#pragma unroll
        for (int i = 0; i < unit_elements; ++i) {
          const float value = Format::value(unit.codes[i / 4], i % 4);
#pragma unroll
          for (int r = 0; r < rows; ++r) halves[r][i / 16] += x.at[r][piece][i] * value;
        }
#pragma unroll
        for (int r = 0; r < rows; ++r) {
#pragma unroll
          for (int half = 0; half < 2; ++half) {
            const float sum = x.sums[r][piece][half];
            const float rest = halves[r][half] - (Format::excess > 0 ? Format::excess * sum : 0);
            own_sums[r] += unit.scales[half] * rest;
            if constexpr (Format::has_minimum) own_sums[r] -= unit.minimum * sum;
          }
        }
      }
#pragma unroll
      for (int r = 0; r < rows; ++r) {
        const float sum = warp_sum(own_sums[r]);
        if (lane == 0) sums[(r * share.rows + base + own) * ring.slices + slice] = sum;
      }
    }
    __syncwarp();  // All of the warp have read the stage.
    if (lane == 0) arrive(&barriers.empty[slot]);
    if (++slot == ring.stages) {
      slot = 0;
      parity ^= 1;
    }
  }
  sync_consumers();
  finish<T, rows>(p, ring, share, sums, nullptr, early);
}

StreamArguments stream_arguments(const ProductArguments& p, bool weights_last) {
  StreamArguments made{
      .rows = p.rows, .depth = p.depth, .dtype = p.dtype, .x = p.x, .weights_last = weights_last};
  made.parts[0] = {.weight = p.factor.data, .bias = p.bias, .out = p.out, .columns = p.columns};
  return made;
}

// Weight rows of which a copy is a multiple of 16 bytes.
int granule_of(std::int64_t row_bytes) {
  int granule = 1;
  while (granule * row_bytes % 16 != 0) granule *= 2;
  return granule;
}

template <typename T, int rows, int pieces, typename Format>
void launch(const ProductArguments& p, bool weights_last, const LaunchPlace& place) {
  const StreamArguments arguments = stream_arguments(p, weights_last);
  const std::int64_t row_bytes = p.factor.strides[0];
  int slices = 1;
  while (slices < warps && p.depth / unit_elements > slices * 32) slices *= 2;
  const Shape shape = shape_of(arguments, {.rows = rows,
                                           .row_bytes = row_bytes,
                                           .slices = slices,
                                           .x_bytes = 0,
                                           .granule = granule_of(row_bytes)});
  const auto kernel = stream_blocks<T, rows, pieces, Format>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shape.shared_bytes);
  start_kernel(kernel, shape.blocks, block_threads, shape.shared_bytes, place, arguments,
               shape.ring, columns_of(arguments));
}

template <typename T, typename Format>
void launch_format(const ProductArguments& p, bool weights_last, const LaunchPlace& place) {
  if (p.rows == 2) return launch<T, 2, 1, Format>(p, weights_last, place);
  p.depth > warps * 32 * unit_elements ? launch<T, 1, 2, Format>(p, weights_last, place)
                                       : launch<T, 1, 1, Format>(p, weights_last, place);
}

template <typename T>
void launch_typed(const ProductArguments& p, bool weights_last, const LaunchPlace& place) {
  switch (static_cast<BlockCode>(p.factor.block_code)) {
    case BlockCode::q8_0:
      return launch_format<T, units::Q8>(p, weights_last, place);
    case BlockCode::q4_0:
      return launch_format<T, units::Q4>(p, weights_last, place);
    case BlockCode::q4_k:
      return launch_format<T, units::Q4K>(p, weights_last, place);
    default:
      return launch_format<T, units::Q6K>(p, weights_last, place);
  }
}

bool is_aligned(const void* address) { return reinterpret_cast<std::uintptr_t>(address) % 16 == 0; }

}  // namespace

bool takes_stream_blocks(const ProductArguments& p) {
  const auto code = static_cast<BlockCode>(p.factor.block_code);
  const bool is_known = code == BlockCode::q8_0 || code == BlockCode::q4_0 ||
                        code == BlockCode::q4_k || code == BlockCode::q6_k;
  const bool is_float =
      p.dtype == Element::f32 || p.dtype == Element::f16 || p.dtype == Element::bf16;
  const std::int64_t row_bytes = p.depth / p.factor.block_elements * p.factor.block_bytes;
  const std::int64_t most = (p.rows == 2 ? 1 : 2) * warps * 32 * unit_elements;
  const bool is_dense_row =
      p.x_rows.rank == 0 || (p.x_rows.rank == 1 && p.x_rows.strides[0] == p.depth);
  return p.factor.form == FactorForm::blocks && is_known && is_float && p.rows <= 2 &&
         p.depth > 0 && p.depth <= most && p.depth % p.factor.block_elements == 0 &&
         p.factor.strides[0] == row_bytes && p.columns % granule_of(row_bytes) == 0 &&
         p.columns <= INT32_MAX && is_dense_row && p.x_stride == 1 &&
         (p.bias == nullptr || p.bias_stride == 1) && p.residual == nullptr &&
         p.activation == FinalActivation::none && is_aligned(p.x) && is_aligned(p.factor.data);
}

void launch_stream_blocks(const ProductArguments& p, bool weights_last, const LaunchPlace& place) {
  if (p.rows == 0 || p.columns == 0) return;
  if (p.dtype == Element::f32) return launch_typed<float>(p, weights_last, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, weights_last, place);
  launch_typed<__nv_bfloat16>(p, weights_last, place);
}

}  // namespace paceline::kernels::cuda
