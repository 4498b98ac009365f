#include "kernels/cuda/device/int8_rows.h"

#include <algorithm>

#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 256;
constexpr int warps = block_threads / 32;

// As bits, in which NaN is above infinity and that above all numbers.
__device__ __forceinline__ unsigned magnitude(float value) {
  return __float_as_uint(value) & 0x7fffffffu;
}

__device__ unsigned block_most(unsigned value) {
  __shared__ unsigned of_warp[warps];
  value = __reduce_max_sync(~0u, value);
  if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = value;
  __syncthreads();
  unsigned most = of_warp[0];
#pragma unroll
  for (int i = 1; i < warps; ++i) most = max(most, of_warp[i]);
  return most;
}

// A block a row. `is_whole`: the row is pieces of 16 bytes, and lies so.
template <typename T, bool is_whole>
__global__ void __launch_bounds__(block_threads) to_bytes(const __grid_constant__ Int8Rows p) {
  wait_for_earlier();
  constexpr int chunk = per_vector<T>;
  const auto row = static_cast<std::int64_t>(blockIdx.x);
  const T* from = static_cast<const T*>(p.from) + row * p.width;
  std::int8_t* to = p.to + row * p.stride;
  unsigned most = 0;
  if constexpr (is_whole) {
    for (std::int64_t i = threadIdx.x * chunk; i < p.width; i += block_threads * chunk) {
      float values[chunk];
      unpack(*reinterpret_cast<const uint4*>(from + i), values, T{});
#pragma unroll
      for (int j = 0; j < chunk; ++j) most = max(most, magnitude(values[j]));
    }
  } else {
    for (std::int64_t i = threadIdx.x; i < p.width; i += block_threads) {
      most = max(most, magnitude(widen(from[i])));
    }
  }
  const float largest = __uint_as_float(block_most(most));
  // Of smaller ones the factor below would be infinite.
  const bool is_sayable = largest == 0 || (largest > 1e-30f && largest <= 3.402823466e38f);
  const float factor = is_sayable && largest > 0 ? 127 / largest : 0;
  if (threadIdx.x == 0) p.scales[row] = is_sayable ? largest / 127 : __uint_as_float(0x7fc00000u);
  const auto byte = [&](float value) {
    return is_sayable ? static_cast<std::int8_t>(__float2int_rn(value * factor)) : std::int8_t{0};
  };
  if constexpr (is_whole) {
    for (std::int64_t i = threadIdx.x * chunk; i < p.stride; i += block_threads * chunk) {
      float values[chunk] = {};
      if (i < p.width) unpack(*reinterpret_cast<const uint4*>(from + i), values, T{});
      alignas(8) std::int8_t bytes[chunk];
#pragma unroll
      for (int j = 0; j < chunk; ++j) bytes[j] = byte(values[j]);
      if constexpr (chunk == 8) {
        *reinterpret_cast<uint2*>(to + i) = *reinterpret_cast<const uint2*>(bytes);
      } else {
        *reinterpret_cast<unsigned*>(to + i) = *reinterpret_cast<const unsigned*>(bytes);
      }
    }
  } else {
    for (std::int64_t i = threadIdx.x; i < p.stride; i += block_threads) {
      to[i] = i < p.width ? byte(widen(from[i])) : std::int8_t{0};
    }
  }
}

// What bytes cannot say.
template <typename T>
__device__ float product_of(const ProductArguments& p, std::int64_t row, std::int64_t column) {
  const T* x = static_cast<const T*>(p.x) + row * p.depth;
  const T* weight = static_cast<const T*>(p.factor.data) + column * p.depth;
  float sum = 0;
  for (std::int64_t k = 0; k < p.depth; ++k) sum += widen(x[k]) * widen(weight[k]);
  return sum;
}

// `chunk` columns of a row a thread at a time; more than one where all operands lie in such pieces.
template <typename T, int chunk>
__global__ void __launch_bounds__(block_threads) to_floats(const __grid_constant__ Int8Sums of) {
  wait_for_earlier();
  const ProductArguments& p = of.product;
  const std::int64_t pieces = p.columns / chunk, all = pieces * p.rows;
  const T* bias = static_cast<const T*>(p.bias);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
       i < all; i += step) {
    const std::int64_t row = i / pieces, first = (i - row * pieces) * chunk;
    const std::int64_t at = row * p.columns + first;
    const T* residual = p.residual == nullptr ? nullptr : static_cast<const T*>(p.residual) + at;
    T* out = static_cast<T*>(p.out) + at;
    const float row_scale = of.row_scales[row];
    std::int32_t sums[chunk];
    float added[chunk] = {};
    if constexpr (chunk == 1) {
      sums[0] = of.sums[row * of.stride + first];
      if (residual != nullptr) added[0] = widen(*residual);
    } else {
#pragma unroll
      for (int j = 0; j < chunk; j += 4) {
        *reinterpret_cast<int4*>(sums + j) =
            *reinterpret_cast<const int4*>(of.sums + row * of.stride + first + j);
      }
      if (residual != nullptr) unpack(*reinterpret_cast<const uint4*>(residual), added, T{});
    }
    float values[chunk];
#pragma unroll
    for (int j = 0; j < chunk; ++j) {
      const float column_scale = of.column_scales[first + j];
      float sum = static_cast<float>(sums[j]) * row_scale * column_scale;
      if (isnan(row_scale) || isnan(column_scale)) sum = product_of<T>(p, row, first + j);
      if (bias != nullptr) sum += widen(bias[first + j]);
      values[j] = activate(p.activation, sum + added[j]);
    }
    if constexpr (chunk == 1) {
      *out = narrow<T>(values[0]);
    } else {
      *reinterpret_cast<uint4*>(out) = pack(values, T{});
    }
  }
}

bool lies_in_pieces(const void* data) { return reinterpret_cast<std::uintptr_t>(data) % 16 == 0; }

// Calls visit(T{}) with the type of floats of 32 bits or fewer.
template <typename Visit>
void visit_short_float(Element dtype, const Visit& visit) {
  switch (dtype) {
    case Element::f32:
      return visit(float{});
    case Element::f16:
      return visit(__half{});
    default:
      return visit(__nv_bfloat16{});
  }
}

}  // namespace

void launch_int8_rows(const Int8Rows& p, const LaunchPlace& place) {
  if (p.rows == 0) return;
  visit_short_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    const bool is_whole = lies_in_pieces(p.from) && p.width % per_vector<T> == 0 &&
                          p.stride % 16 == 0 && lies_in_pieces(p.to);
    start_kernel(is_whole ? to_bytes<T, true> : to_bytes<T, false>, static_cast<unsigned>(p.rows),
                 block_threads, 0, place, p);
  });
}

void launch_int8_result(const Int8Sums& of, const LaunchPlace& place) {
  const ProductArguments& p = of.product;
  if (p.rows * p.columns == 0) return;
  visit_short_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    constexpr int chunk = per_vector<T>;
    const bool is_whole = p.columns % chunk == 0 && lies_in_pieces(p.out) &&
                          (p.residual == nullptr || lies_in_pieces(p.residual)) &&
                          lies_in_pieces(of.sums) && of.stride % 4 == 0;
    const std::int64_t threads = p.rows * (p.columns / (is_whole ? chunk : 1));
    const auto blocks = static_cast<unsigned>(
        std::clamp<std::int64_t>((threads + block_threads - 1) / block_threads, 1, 132 * 16));
    start_kernel(is_whole ? to_floats<T, chunk> : to_floats<T, 1>, blocks, block_threads, 0, place,
                 of);
  });
}

}  // namespace paceline::kernels::cuda
