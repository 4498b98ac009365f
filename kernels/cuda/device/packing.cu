#include "kernels/cuda/device/packing.h"

#include "kernels/cuda/device/block_elements.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/types.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int block_threads = 128;

unsigned blocks_of(std::int64_t count) {
  return static_cast<unsigned>((count + block_threads - 1) / block_threads);
}

__device__ __forceinline__ std::int64_t this_thread() {
  return static_cast<std::int64_t>(blockIdx.x) * block_threads + threadIdx.x;
}

__device__ __forceinline__ bool is_finite(float x) { return x - x == 0.0f; }

// The bytes are those of the host: nothing is contracted, and NaN has the host's bits.
__device__ void put_scale(float scale, std::uint8_t* to) {
  unsigned short bits = __half_as_ushort(__float2half_rn(scale));
  if (scale != scale) bits = signbit(scale) ? 0xfe00 : 0x7e00;
  to[0] = static_cast<std::uint8_t>(bits & 0xff);
  to[1] = static_cast<std::uint8_t>(bits >> 8);
}

// 0 where there is none: one over a subnormal scale may be infinite.
__device__ float inverse_of(float scale) {
  const float size = fabsf(scale);
  return is_finite(scale) && size >= 1.17549435e-38f ? 1 / scale : 0;
}

// A thread a block of 32.
template <typename T>
__global__ void quantize(const T* x, std::int64_t blocks, bool is_q8, std::uint8_t* out) {
  wait_for_earlier();
  const std::int64_t block = this_thread();
  if (block >= blocks) return;
  float elements[32], extreme = 0;
  for (int i = 0; i < 32; ++i) elements[i] = static_cast<float>(widen(x[block * 32 + i]));
  for (int i = 0; i < 32; ++i) {
    if (elements[i] != elements[i]) {
      extreme = elements[i];
      break;
    }
    if (fabsf(elements[i]) > fabsf(extreme)) extreme = elements[i];
  }
  std::uint8_t* to = out + block * (is_q8 ? 34 : 18);
  const float scale = is_q8 ? fabsf(extreme) / 127 : extreme / -8;
  const float inverse = inverse_of(scale);
  put_scale(scale, to);
  if (is_q8) {
    for (int i = 0; i < 32; ++i) {
      const float code = is_finite(elements[i]) ? roundf(__fmul_rn(elements[i], inverse)) : 0;
      to[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(code));
    }
    return;
  }
  const auto code = [&](int i) {
    if (!is_finite(elements[i])) return 8;
    return min(15, static_cast<int>(__fadd_rn(__fmul_rn(elements[i], inverse), 8.5f)));
  };
  for (int i = 0; i < 16; ++i) {
    to[2 + i] = static_cast<std::uint8_t>(code(i) | code(i + 16) << 4);
  }
}

template <typename T>
__global__ void dequantize(BlockRun run) {
  wait_for_earlier();
  const std::int64_t i = this_thread();
  if (i >= run.count) return;
  const std::int64_t block = i / run.elements;
  const float element =
      block_element(static_cast<BlockCode>(run.kind),
                    static_cast<const std::uint8_t*>(run.blocks) + block * run.bytes,
                    static_cast<int>(i - block * run.elements));
  static_cast<T*>(run.out)[i] = narrow<T>(element);
}

template <typename T>
__global__ void pack_weight(PanelPacking of, std::int64_t count) {
  wait_for_earlier();
  const std::int64_t i = this_thread();
  if (i >= count) return;
  const std::int64_t within = i % of.depth, column = i / of.depth % of.tile;
  const std::int64_t group = i / of.depth / of.tile % of.groups;
  const std::int64_t panel = i / of.depth / of.tile / of.groups;
  const std::int64_t k = group * of.depth + within, j = panel * of.tile + column;
  static_cast<T*>(of.out)[i] =
      k < of.inner && j < of.columns
          ? static_cast<const T*>(of.weight)[k * of.inner_step + j * of.column_step]
          : T{0};
}

// Nearest whole number of 24 bits.
__device__ __forceinline__ std::uint32_t code_of(double value) {
  constexpr double limit = 1 << 23;
  value = value < -limit ? -limit : value > limit - 1 ? limit - 1 : value;
  return static_cast<std::uint32_t>(__double2ll_rn(value));
}

// A thread a column; those beyond the weight are zeros.
__global__ void pack_weight_24(PanelPacking of, std::int64_t rows) {
  wait_for_earlier();
  constexpr int columns = 32, wild_exponent = 128;
  const std::int64_t j = this_thread();
  if (j >= of.panels * columns) return;
  auto* to = static_cast<std::int32_t*>(of.out) + j / columns * rows * columns + j % columns;
  if (j >= of.columns) {
    for (std::int64_t row = 0; row < rows; ++row) to[row * columns] = 0;
    return;
  }
  const float* from = static_cast<const float*>(of.weight) + j * of.column_step;
  double largest = 0;
  bool is_wild = false;
  for (std::int64_t k = 0; k < of.inner; ++k) {
    const double size = fabs(static_cast<double>(from[k * of.inner_step]));
    is_wild = is_wild || !(size <= 3.5e38);
    largest = size > largest ? size : largest;
  }
  const int exponent = is_wild ? wild_exponent : largest == 0 ? 0 : max(ilogb(largest) - 30, -140);
  const double unit = is_wild ? 0 : ldexp(1.0, -exponent);
  std::int64_t row = 0;
  for (std::int64_t k = 0; k < of.inner; k += 4) {
    double elements[4] = {};
    for (int i = 0; i < 4 && k + i < of.inner && !is_wild; ++i) {
      elements[i] = static_cast<double>(from[(k + i) * of.inner_step]) * unit;
    }
    const std::uint32_t last = code_of(elements[3] / 256);
    for (int i = 0; i < 3; ++i) {
      const std::uint32_t lowest = last >> (16 - 8 * i) & 0xff;
      to[row++ * columns] =
          static_cast<std::int32_t>(code_of((elements[i] - lowest) / 256) << 8 | lowest);
    }
  }
  to[row * columns] = exponent;
}

}  // namespace

void launch_quantize(const void* x, Element dtype, std::int64_t count, bool is_q8, void* blocks,
                     const LaunchPlace& place) {
  if (count == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    start_kernel(quantize<T>, blocks_of(count / 32), block_threads, 0, place,
                 static_cast<const T*>(x), count / 32, is_q8, static_cast<std::uint8_t*>(blocks));
  });
}

void launch_dequantize(const BlockRun& run, Element dtype, const LaunchPlace& place) {
  if (run.count == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    start_kernel(dequantize<T>, blocks_of(run.count), block_threads, 0, place, run);
  });
}

void launch_pack_weight(const PanelPacking& of, std::int32_t element_bytes,
                        const LaunchPlace& place) {
  const std::int64_t count = of.panels * of.groups * of.tile * of.depth;
  if (count == 0) return;
  visit_bytes(element_bytes, [&]<typename T>() {
    start_kernel(pack_weight<T>, blocks_of(count), block_threads, 0, place, of, count);
  });
}

void launch_pack_weight_24(const PanelPacking& of, const LaunchPlace& place) {
  if (of.panels == 0) return;
  const std::int64_t rows = 3 * ((of.inner + 3) / 4) + 1;
  start_kernel(pack_weight_24, blocks_of(of.panels * 32), block_threads, 0, place, of, rows);
}

}  // namespace paceline::kernels::cuda
