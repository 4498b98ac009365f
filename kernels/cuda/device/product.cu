#include "kernels/cuda/device/product.h"

#include "kernels/cuda/device/block_elements.cuh"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"

// Tiles of 64 rows by 64 columns, 16 elements of the depth at a time, through shared memory; a
// thread has 4 by 4 sums.
namespace paceline::kernels::cuda {
namespace {

constexpr int tile = 64, depth_tile = 16, block_threads = 256;
constexpr int padded = tile + 4;

template <typename T>
struct alignas(16) Four {
  T at[4];
};

__device__ std::int64_t offset_of(const Places& places, std::int64_t item) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < places.rank; ++axis) {
    const std::int64_t extent = places.extents[axis];
    const bool is_last = axis + 1 == places.rank;
    offset += (is_last ? item : item % extent) * places.strides[axis];
    if (!is_last) item /= extent;
  }
  return offset;
}

// Right factors: at(k, j) for k and j within their extents.
template <typename T>
struct StridedFactor {
  const T* data;
  std::int64_t depth_stride, column_stride;

  __device__ StridedFactor(const ProductArguments& p, std::int64_t batch)
      : data(static_cast<const T*>(p.factor.data) + offset_of(p.factor.batches, batch)),
        depth_stride(p.factor.strides[0]),
        column_stride(p.factor.strides[1]) {}
  __device__ bool depth_is_inner() const { return depth_stride == 1; }
  __device__ Sum<T> at(std::int64_t k, std::int64_t j) const {
    return widen(data[k * depth_stride + j * column_stride]);
  }
};

template <typename T>
struct PackedFactor {
  const Factor& factor;

  __device__ PackedFactor(const ProductArguments& p, std::int64_t) : factor(p.factor) {}
  __device__ bool depth_is_inner() const { return false; }
  __device__ Sum<T> at(std::int64_t k, std::int64_t j) const {
    const std::int64_t place =
        j / factor.tile * factor.strides[0] + k / factor.group * factor.strides[1] +
        j % factor.tile * factor.strides[2] + k % factor.group * factor.strides[3];
    return load_float<Sum<T>>(factor.dtype, factor.data, place);
  }
};

template <typename T>
struct Words24Factor {
  const std::int32_t* data;
  std::int64_t word_rows;  // Before the row of exponents.

  __device__ Words24Factor(const ProductArguments& p, std::int64_t)
      : data(static_cast<const std::int32_t*>(p.factor.data)), word_rows((p.depth + 3) / 4 * 3) {}
  __device__ bool depth_is_inner() const { return false; }
  __device__ Sum<T> at(std::int64_t k, std::int64_t j) const {
    const std::int32_t* panel = data + j / 32 * (word_rows + 1) * 32 + j % 32;
    const std::int32_t* group = panel + k / 4 * 3 * 32;
    const int part = static_cast<int>(k % 4);
    const auto low = [&](int i) { return static_cast<std::uint32_t>(group[i * 32]) & 0xff; };
    const std::int32_t word =
        part < 3 ? group[part * 32]
                 : static_cast<std::int32_t>(low(0) << 24 | low(1) << 16 | low(2) << 8);
    const double unit = ldexp(1.0, panel[word_rows * 32]);
    const double scale = unit > 3.4e38 ? static_cast<double>(INFINITY) : unit;
    return static_cast<Sum<T>>(word * scale);
  }
};

template <typename T>
struct BlockFactor {
  const Factor& factor;

  __device__ BlockFactor(const ProductArguments& p, std::int64_t) : factor(p.factor) {}
  __device__ bool depth_is_inner() const { return true; }
  __device__ Sum<T> at(std::int64_t k, std::int64_t j) const {
    const auto* row = static_cast<const std::uint8_t*>(factor.data) + j * factor.strides[0];
    const auto i = static_cast<std::uint32_t>(k),
               elements = static_cast<std::uint32_t>(factor.block_elements);
    return block_element(static_cast<BlockCode>(factor.block_code),
                         row + static_cast<std::int64_t>(i / elements) * factor.block_bytes,
                         static_cast<int>(i % elements));
  }
};

// Tile of the operand beside (outer = row or column) into shared[k][outer].
template <typename Value, typename At>
__device__ void load_tile(Value (&shared)[depth_tile][padded], bool depth_is_inner,
                          std::int64_t depth_left, std::int64_t outer_left, const At& at) {
#pragma unroll
  for (int i = 0; i < tile * depth_tile / block_threads; ++i) {
    const int place = threadIdx.x + i * block_threads;
    const int k = depth_is_inner ? place % depth_tile : place / tile;
    const int outer = depth_is_inner ? place / depth_tile : place % tile;
    shared[k][outer] = k < depth_left && outer < outer_left ? at(k, outer) : Value{0};
  }
}

template <typename T, template <typename> typename Right>
__global__ void __launch_bounds__(block_threads)
    multiply(const __grid_constant__ ProductArguments p, std::int64_t row_tiles,
             std::int64_t column_tiles) {
  wait_for_earlier();
  using S = Sum<T>;
  __shared__ alignas(16) S left_tile[depth_tile][padded];
  __shared__ alignas(16) S right_tile[depth_tile][padded];
  __shared__ std::int64_t row_offsets[tile], residual_offsets[tile];
  std::int64_t rest = blockIdx.x;
  const std::int64_t first_column = rest % column_tiles * tile;
  rest /= column_tiles;
  const std::int64_t first_row = rest % row_tiles * tile;
  const std::int64_t batch = rest / row_tiles;
  const std::int64_t rows_left = p.rows - first_row, columns_left = p.columns - first_column;
  if (threadIdx.x < tile && threadIdx.x < rows_left) {
    row_offsets[threadIdx.x] = offset_of(p.x_rows, first_row + threadIdx.x);
    residual_offsets[threadIdx.x] = offset_of(p.residual_rows, first_row + threadIdx.x);
  }
  __syncthreads();
  const T* x = static_cast<const T*>(p.x) + offset_of(p.x_batches, batch);
  const Right<T> right(p, batch);
  const int row = threadIdx.x / 16 * 4, column = threadIdx.x % 16 * 4;
  S sums[4][4] = {};
  for (std::int64_t first = 0; first < p.depth; first += depth_tile) {
    load_tile(left_tile, p.x_stride == 1, p.depth - first, rows_left,
              [&](int k, int i) { return widen(x[row_offsets[i] + (first + k) * p.x_stride]); });
    load_tile(right_tile, right.depth_is_inner(), p.depth - first, columns_left,
              [&](int k, int j) { return right.at(first + k, first_column + j); });
    __syncthreads();
#pragma unroll
    for (int k = 0; k < depth_tile; ++k) {
      const auto a = *reinterpret_cast<const Four<S>*>(&left_tile[k][row]);
      const auto b = *reinterpret_cast<const Four<S>*>(&right_tile[k][column]);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] += a.at[i] * b.at[j];
      }
    }
    __syncthreads();
  }
  const T* bias = static_cast<const T*>(p.bias);
  const T* residual = static_cast<const T*>(p.residual);
  T* out = static_cast<T*>(p.out) + (batch * p.rows + first_row) * p.columns + first_column;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (row + i >= rows_left || column + j >= columns_left) continue;
      const std::int64_t at_column = first_column + column + j;
      S sum = sums[i][j];
      if (bias != nullptr) sum += widen(bias[at_column * p.bias_stride]);
      if (residual != nullptr) {
        sum += widen(residual[residual_offsets[row + i] + at_column * p.residual_stride]);
      }
      out[(row + i) * p.columns + column + j] = narrow<T>(activate(p.activation, sum));
    }
  }
}

template <template <typename> typename Right, typename T>
void launch(const ProductArguments& p, const LaunchPlace& place) {
  const std::int64_t row_tiles = (p.rows + tile - 1) / tile;
  const std::int64_t column_tiles = (p.columns + tile - 1) / tile;
  const auto blocks = static_cast<unsigned>(row_tiles * column_tiles * p.batches);
  start_kernel(multiply<T, Right>, blocks, block_threads, 0, place, p, row_tiles, column_tiles);
}

}  // namespace

void launch_product(const ProductArguments& p, const LaunchPlace& place) {
  if (p.batches == 0 || p.rows == 0 || p.columns == 0) return;
  if (p.factor.form == FactorForm::words24) return launch<Words24Factor, float>(p, place);
  visit_float(p.dtype, [&](auto zero) {
    using T = decltype(zero);
    if (p.factor.form == FactorForm::strided) launch<StridedFactor, T>(p, place);
    if (p.factor.form == FactorForm::packed) launch<PackedFactor, T>(p, place);
    if (p.factor.form == FactorForm::blocks) launch<BlockFactor, T>(p, place);
  });
}

}  // namespace paceline::kernels::cuda
