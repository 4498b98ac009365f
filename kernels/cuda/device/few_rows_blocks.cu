#include "kernels/cuda/device/few_rows_blocks.h"

#include <algorithm>

#include "kernels/cuda/device/block_elements.cuh"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/mma.cuh"

namespace paceline::kernels::cuda {
namespace {

constexpr int warps = 8, block_threads = 32 * warps;
constexpr int block_elements = 32, lane_pitch = 36;  // Floats of x for a lane, with a gap.
constexpr int stages = 4;                            // Copies of a warp under way.
constexpr int shared_bytes_max = 200 * 1024;

// Formats of 32 elements in a scale and codes.
struct Bytes {
  static constexpr int bytes = 34, words = 8, offset = 128;
  // Codes 4 * i ... of a block as bytes without sign.
  __device__ static std::uint32_t codes(const std::uint32_t (&words)[8], int i) {
    return words[i] ^ 0x80808080u;
  }
};

struct Nibbles {
  static constexpr int bytes = 18, words = 4, offset = 8;
  __device__ static std::uint32_t codes(const std::uint32_t (&words)[4], int i) {
    return (i < 4 ? words[i] : words[i - 4] >> 4) & 0x0f0f0f0fu;
  }
};

// Byte i of a word as a float, less `offset`: put below 2^23's bits.
template <int offset>
__device__ float code_at(std::uint32_t codes, int i) {
  return __uint_as_float(__byte_perm(codes, 0x4b000000u, 0x7440 + i)) - (8388608.f + offset);
}

template <typename T>
__device__ void finish(const ProductArguments& p, std::int64_t row, std::int64_t column,
                       float sum) {
  if (p.bias != nullptr) sum += widen(static_cast<const T*>(p.bias)[column * p.bias_stride]);
  static_cast<T*>(p.out)[row * p.columns + column] = narrow<T>(sum);
}

// Rows of x in shared memory, a block's elements `lane_pitch` apart from the next.
template <typename T, int rows>
__device__ void stage_rows(const ProductArguments& p, std::int64_t first_row, float* to) {
  const int depth = static_cast<int>(p.depth), pitch = depth / block_elements * lane_pitch;
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const std::int64_t row = min(first_row + r, p.rows - 1);
    const T* x = static_cast<const T*>(p.x) + row * p.depth;
    for (int i = threadIdx.x; i < depth; i += block_threads) {
      to[r * pitch + i / block_elements * lane_pitch + i % block_elements] = widen(x[i]);
    }
  }
}

template <typename T, int rows, typename Format>
__global__ void __launch_bounds__(block_threads)
    staged_blocks(const __grid_constant__ ProductArguments p) {
  wait_for_earlier();
  constexpr int chunk_bytes = 32 * Format::bytes;
  extern __shared__ __align__(16) char memory[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  char* own = memory + warp * stages * chunk_bytes;
  float* x = reinterpret_cast<float*>(memory + warps * stages * chunk_bytes);
  const int blocks_each = static_cast<int>(p.depth / block_elements);
  const int chunks = (blocks_each + 31) / 32, pitch = blocks_each * lane_pitch;
  const std::int64_t first_column = static_cast<std::int64_t>(blockIdx.x) * warps + warp;
  const std::int64_t column_step = static_cast<std::int64_t>(gridDim.x) * warps;
  const int columns =
      first_column < p.columns
          ? static_cast<int>((p.columns - first_column + column_step - 1) / column_step)
          : 0;
  const int items = columns * chunks;
  const char* weight = static_cast<const char*>(p.factor.data);

  const auto fetch = [&](int item) {
    if (item < items) {
      const std::int64_t column = first_column + item / chunks * column_step;
      const int chunk = item % chunks;
      const int bytes = min(32, blocks_each - 32 * chunk) * Format::bytes;
      const char* from = weight + column * p.factor.strides[0] + chunk * chunk_bytes;
      const std::uint32_t to = shared_address(own + item % stages * chunk_bytes);
      for (int at = lane * 16; at < bytes; at += 512) copy_async(to + at, from + at, true);
    }
    close_copies();  // Each item is a group, that there may be none in it.
  };
  for (int i = 0; i < stages - 1; ++i) fetch(i);
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * rows;
  stage_rows<T, rows>(p, first_row, x);
  __syncthreads();

  float sums[rows] = {};
  for (int item = 0; item < items; ++item) {
    __syncwarp();  // Nobody reads what the next copy goes over any more.
    fetch(item + stages - 1);
    wait_copies<stages - 1>();
    __syncwarp();
    const int chunk = item % chunks, block = 32 * chunk + lane;
    if (block < blocks_each) {
      // Blocks begin on even bytes: odd lanes read from two bytes before theirs.
      const bool is_odd = lane % 2 != 0;
      const char* from =
          own + item % stages * chunk_bytes + lane * Format::bytes - (is_odd ? 2 : 0);
      const auto* read = reinterpret_cast<const std::uint32_t*>(from);
      std::uint32_t words[Format::words];
      std::uint32_t last = read[0];
      const float scale = __half2float(
          __ushort_as_half(static_cast<unsigned short>(is_odd ? last >> 16 : last & 0xffff)));
      const unsigned selector = is_odd ? 0x7654 : 0x5432;
#pragma unroll
      for (int i = 0; i < Format::words; ++i) {
        const std::uint32_t next = read[i + 1];
        words[i] = __byte_perm(last, next, selector);
        last = next;
      }
      float parts[rows] = {};
#pragma unroll
      for (int i = 0; i < 8; ++i) {
        const std::uint32_t codes = Format::codes(words, i);
        float code[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) code[j] = code_at<Format::offset>(codes, j);
#pragma unroll
        for (int r = 0; r < rows; ++r) {
          const float4 four =
              reinterpret_cast<const float4*>(x + r * pitch + block * lane_pitch)[i];
          parts[r] += four.x * code[0];
          parts[r] += four.y * code[1];
          parts[r] += four.z * code[2];
          parts[r] += four.w * code[3];
        }
      }
#pragma unroll
      for (int r = 0; r < rows; ++r) sums[r] += scale * parts[r];
    }
    if (chunk != chunks - 1) continue;
    const std::int64_t column = first_column + item / chunks * column_step;
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const float sum = warp_sum(sums[r]);
      if (lane == 0 && first_row + r < p.rows) finish<T>(p, first_row + r, column, sum);
      sums[r] = 0;
    }
  }
}

template <typename T, int rows>
__global__ void __launch_bounds__(block_threads)
    single_elements(const __grid_constant__ ProductArguments p) {
  wait_for_earlier();
  const int lane = threadIdx.x % 32;
  const std::int64_t column = static_cast<std::int64_t>(blockIdx.x) * warps + threadIdx.x / 32;
  const std::int64_t first_row = static_cast<std::int64_t>(blockIdx.y) * rows;
  if (column >= p.columns) return;
  const auto* weight =
      static_cast<const std::uint8_t*>(p.factor.data) + column * p.factor.strides[0];
  const unsigned elements = static_cast<unsigned>(p.factor.block_elements);
  float sums[rows] = {};
  for (unsigned i = lane; i < p.depth; i += 32) {
    const float factor =
        block_element(static_cast<BlockCode>(p.factor.block_code),
                      weight + static_cast<std::int64_t>(i / elements) * p.factor.block_bytes,
                      static_cast<int>(i % elements));
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const std::int64_t row = min(first_row + r, p.rows - 1);
      sums[r] += factor * widen(static_cast<const T*>(p.x)[row * p.depth + i]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r) {
    const float sum = warp_sum(sums[r]);
    if (lane == 0 && first_row + r < p.rows) finish<T>(p, first_row + r, column, sum);
  }
}

template <typename Format, int rows>
std::int64_t staged_bytes(const ProductArguments& p) {
  return std::int64_t{warps} * stages * 32 * Format::bytes +
         rows * (p.depth / block_elements) * lane_pitch * std::int64_t{sizeof(float)};
}

template <typename T, int rows, typename Format>
void launch_staged(const ProductArguments& p, const LaunchPlace& place) {
  const auto bytes = static_cast<int>(staged_bytes<Format, rows>(p));
  const std::int64_t wanted = (p.columns + warps - 1) / warps;
  const dim3 grid(static_cast<unsigned>(std::min<std::int64_t>(wanted, 132 * 4)),
                  static_cast<unsigned>((p.rows + rows - 1) / rows));
  const auto kernel = staged_blocks<T, rows, Format>;
  cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  start_kernel(kernel, grid, block_threads, bytes, place, p);
}

template <typename T, int rows>
void launch_single(const ProductArguments& p, const LaunchPlace& place) {
  const dim3 grid(static_cast<unsigned>((p.columns + warps - 1) / warps),
                  static_cast<unsigned>((p.rows + rows - 1) / rows));
  start_kernel(single_elements<T, rows>, grid, block_threads, 0, place, p);
}

template <typename T, typename Format>
void launch_format(const ProductArguments& p, const LaunchPlace& place) {
  if (p.rows >= 3 && staged_bytes<Format, 4>(p) <= shared_bytes_max) {
    return launch_staged<T, 4, Format>(p, place);
  }
  if (p.rows >= 2 && staged_bytes<Format, 2>(p) <= shared_bytes_max) {
    return launch_staged<T, 2, Format>(p, place);
  }
  if (staged_bytes<Format, 1>(p) <= shared_bytes_max) {
    return launch_staged<T, 1, Format>(p, place);
  }
  launch_single<T, 1>(p, place);
}

template <typename T>
void launch_typed(const ProductArguments& p, const LaunchPlace& place) {
  const bool is_aligned = p.depth % 256 == 0 && p.depth > 0 &&
                          reinterpret_cast<std::uintptr_t>(p.factor.data) % 16 == 0;
  const auto kind = static_cast<BlockCode>(p.factor.block_code);
  if (is_aligned && kind == BlockCode::q8_0) return launch_format<T, Bytes>(p, place);
  if (is_aligned && kind == BlockCode::q4_0) return launch_format<T, Nibbles>(p, place);
  p.rows == 1 ? launch_single<T, 1>(p, place) : launch_single<T, 4>(p, place);
}

}  // namespace

bool takes_few_rows_blocks(const ProductArguments& p) {
  const bool is_known =
      p.dtype == Element::f32 || p.dtype == Element::f16 || p.dtype == Element::bf16;
  if (!is_known || p.factor.form != FactorForm::blocks || p.rows > few_block_rows_max) return false;
  const bool is_dense_row =
      p.x_rows.rank == 0 || (p.x_rows.rank == 1 && p.x_rows.strides[0] == p.depth);
  return is_dense_row && p.x_stride == 1 && p.depth < INT32_MAX && p.residual == nullptr &&
         p.activation == FinalActivation::none;
}

void launch_few_rows_blocks(const ProductArguments& p, const LaunchPlace& place) {
  if (p.rows == 0 || p.columns == 0) return;
  if (p.dtype == Element::f32) return launch_typed<float>(p, place);
  if (p.dtype == Element::f16) return launch_typed<__half>(p, place);
  launch_typed<__nv_bfloat16>(p, place);
}

}  // namespace paceline::kernels::cuda
