// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_PACKED_PRODUCT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_PACKED_PRODUCT_INL_H_
#undef PACELINE_PACKED_PRODUCT_INL_H_
#else
#define PACELINE_PACKED_PRODUCT_INL_H_
#endif

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/support/around.h"
#include "kernels/cpu/support/blas.h"
#include "kernels/cpu/support/packed_product.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd-inl.h"

// A matrix product in float of operands of any float type: both are widened while they are packed
// into the order in which tiles read them. The blocking is that of Goto and van de Geijn, "Anatomy
// of High-Performance Matrix Multiplication" (2008).
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

// A tile is `tile_rows` by `tile_vectors` vectors: as many sums as hide the latency of adding to
// one and fit the registers.
inline constexpr int tile_rows = lane_count >= 16 ? 8 : 4;
inline constexpr int tile_vectors = 2;
inline constexpr std::int64_t tile_columns = tile_vectors * lane_count;
static_assert(block_rows % tile_rows == 0 && block_columns % tile_columns == 0);
static_assert(block_depth % lane_count == 0);

// Lines first, first + 1, ... below first + `count` of a stored matrix, each `depth` elements along
// the lines, to out[d * width + line]. Lines of a panel that do not exist repeat the last.
template <std::int64_t width, typename T>
void pack_lines(const T* lines, std::int64_t stride, std::int64_t count, std::int64_t depth,
                float* out) {
#if HWY_TARGET == HWY_SCALAR
  for (std::int64_t line = 0; line < width; ++line) {
    const T* from = lines + std::min(line, count - 1) * stride;
    for (std::int64_t d = 0; d < depth; ++d) store(load(from + d), out + d * width + line);
  }
#else
  static_assert(width % 4 == 0);
  alignas(64) float turned[4][lane_count];
  for (std::int64_t line = 0; line < width; line += 4) {
    const auto line_at = [&](std::int64_t i) {
      return lines + std::min(line + i, count - 1) * stride;
    };
    const T *l0 = line_at(0), *l1 = line_at(1), *l2 = line_at(2), *l3 = line_at(3);
    for (std::int64_t d = 0; d < depth; d += lane_count) {
      const std::int64_t left = depth - d;
      const Vector a = load_first(l0 + d, left), b = load_first(l1 + d, left);
      const Vector c = load_first(l2 + d, left), e = load_first(l3 + d, left);
      // Four by four elements change places in each 128 bits.
      const Vector ac_low = hn::InterleaveLower(floats32, a, c);
      const Vector ac_high = hn::InterleaveUpper(floats32, a, c);
      const Vector be_low = hn::InterleaveLower(floats32, b, e);
      const Vector be_high = hn::InterleaveUpper(floats32, b, e);
      store(hn::InterleaveLower(floats32, ac_low, be_low), turned[0]);
      store(hn::InterleaveUpper(floats32, ac_low, be_low), turned[1]);
      store(hn::InterleaveLower(floats32, ac_high, be_high), turned[2]);
      store(hn::InterleaveUpper(floats32, ac_high, be_high), turned[3]);
      const std::int64_t valid = std::min<std::int64_t>(left, lane_count);
      for (std::int64_t i = 0; i < valid; ++i) {
        std::memcpy(out + (d + i) * width + line, &turned[i % 4][i / 4 * 4], 4 * sizeof(float));
      }
    }
  }
#endif
}

// The same for lines that lie across: element d of a line is at lines[d * stride + line].
template <std::int64_t width, typename T>
void pack_across(const T* lines, std::int64_t stride, std::int64_t count, std::int64_t depth,
                 float* out) {
  for (std::int64_t d = 0; d < depth; ++d) {
    const T* from = lines + d * stride;
    for (std::int64_t line = 0; line < width; line += lane_count) {
      const std::int64_t left = std::clamp<std::int64_t>(count - line, 0, lane_count);
      const Vector value = left > 0 ? load_first(from + line, left) : hn::Zero(floats32);
      store_first(value, out + d * width + line, std::min(width - line, lane_count));
    }
  }
}

// Panels of `width` lines, one after the other.
template <std::int64_t width, typename T>
void pack(const T* lines, std::int64_t stride, bool across, std::int64_t count, std::int64_t depth,
          float* out) {
  for (std::int64_t line = 0; line < count; line += width, out += width * depth) {
    if (across) {
      pack_across<width>(lines + line, stride, count - line, depth, out);
    } else {
      pack_lines<width>(lines + line * stride, stride, count - line, depth, out);
    }
  }
}

// sums[i][j] = the sum of a[d * tile_rows + i] * b[d * tile_columns + j].
HWY_INLINE void multiply_panels(const float* a, const float* b, std::int64_t depth, float* sums) {
  Vector low[tile_rows], high[tile_rows];
  HWY_UNROLL(8)
  for (int i = 0; i < tile_rows; ++i) low[i] = high[i] = hn::Zero(floats32);
  for (std::int64_t d = 0; d < depth; ++d) {
    const Vector b_low = hn::Load(floats32, b), b_high = hn::Load(floats32, b + lane_count);
    HWY_UNROLL(8)
    for (int i = 0; i < tile_rows; ++i) {
      const Vector factor = fill(a[i]);
      low[i] = hn::MulAdd(factor, b_low, low[i]);
      high[i] = hn::MulAdd(factor, b_high, high[i]);
    }
    a += tile_rows;
    b += tile_columns;
  }
  HWY_UNROLL(8)
  for (int i = 0; i < tile_rows; ++i) {
    store(low[i], sums + i * tile_columns);
    store(high[i], sums + i * tile_columns + lane_count);
  }
}

// Where one tile's sums go.
template <typename T>
struct Results {
  T* c;
  std::int64_t c_stride;
  float* partial;  // Where sums wait for those of the next depths.
  std::int64_t partial_stride;
  Around<T> around;
  std::int64_t rows, columns;
  bool is_first, is_last;
};

// Bias and residual are added to the first sums, F is taken of the last.
template <typename F, typename T>
void finish_tile(const float* sums, const Results<T>& to) {
  for (std::int64_t i = 0; i < to.rows; ++i) {
    for (std::int64_t j = 0; j < to.columns; j += lane_count) {
      const std::int64_t left = to.columns - j, at = i * to.c_stride + j;
      float* partial = to.partial + i * to.partial_stride + j;
      Vector value = hn::Load(floats32, sums + i * tile_columns + j);
      if (!to.is_first) value = hn::Add(value, load_first(partial, left));
      if (to.is_first && to.around.bias) {
        value = hn::Add(value, load_first(to.around.bias + j, left));
      }
      if (to.is_first && to.around.residual) {
        value = hn::Add(value, load_first(to.around.residual + at, left));
      }
      to.is_last ? store_first(F{}(value), to.c + at, left) : store_first(value, partial, left);
    }
  }
}

template <typename T>
using FinishTile = void (*)(const float* sums, const Results<T>& to);

// The product on one thread. `workspace` has packed_product_floats(sizeof(T)) floats, aligned to 64
// bytes.
template <typename T>
class PackedProduct {
 public:
  PackedProduct(const Product<T>& product, const Around<T>& around, FinishTile<T> finish,
                float* workspace)
      : p_(product),
        around_(around),
        finish_(finish),
        a_(workspace),
        b_(a_ + block_rows * block_depth),
        partial_(b_ + block_columns * block_depth) {}

  void run() const {
    // Equal blocks, so that none has a few rows for which all of b is packed.
    const std::int64_t blocks = (p_.m + block_rows - 1) / block_rows;
    const std::int64_t height =
        ((p_.m + blocks - 1) / blocks + tile_rows - 1) / tile_rows * tile_rows;
    for (std::int64_t row = 0; row < p_.m; row += height) {
      for (std::int64_t column = 0; column < p_.n; column += block_columns) {
        const Tile block{row, std::min(height, p_.m - row), column,
                         std::min(block_columns, p_.n - column)};
        for (std::int64_t depth = 0; depth < std::max<std::int64_t>(p_.k, 1);
             depth += block_depth) {
          multiply_block(block, depth, std::min(block_depth, p_.k - depth));
        }
      }
    }
  }

 private:
  void multiply_block(const Tile& block, std::int64_t from, std::int64_t depth) const {
    const Product<T> part =
        summing(p_.part(block.row, block.rows, block.column, block.columns), from, depth);
    pack<tile_rows>(part.a, part.a_stride, part.transpose_a, part.m, depth, a_);
    pack<tile_columns>(part.b, part.b_stride, !part.transpose_b, part.n, depth, b_);
    alignas(64) float sums[tile_rows * tile_columns];
    for (std::int64_t j = 0; j < part.n; j += tile_columns) {
      for (std::int64_t i = 0; i < part.m; i += tile_rows) {
        multiply_panels(a_ + i * depth, b_ + j * depth, depth, sums);
        finish_(sums, results(block, from, depth, i, j));
      }
    }
  }

  Results<T> results(const Tile& block, std::int64_t from, std::int64_t depth, std::int64_t i,
                     std::int64_t j) const {
    const std::int64_t row = block.row + i, column = block.column + j;
    Results<T> to{.c = p_.c + row * p_.c_stride + column,
                  .c_stride = p_.c_stride,
                  .partial = partial_ + i * block_columns + j,
                  .partial_stride = block_columns,
                  .around = around_.at(row * p_.c_stride, column),
                  .rows = std::min<std::int64_t>(tile_rows, block.rows - i),
                  .columns = std::min<std::int64_t>(tile_columns, block.columns - j),
                  .is_first = from == 0,
                  .is_last = from + depth >= p_.k};
    if constexpr (std::is_same_v<T, float>) {
      to.partial = to.c;
      to.partial_stride = to.c_stride;
    }
    return to;
  }

  Product<T> p_;
  Around<T> around_;
  FinishTile<T> finish_;
  float *a_, *b_, *partial_;
};

// The same in pieces over the current oneTBB arena. `workspace` has as many floats for each thread.
template <typename T>
void multiply_packed(const Product<T>& p, const Around<T>& around, FinishTile<T> finish,
                     int threads, float* workspace) {
  const std::int64_t share = packed_product_floats(sizeof(T));
  parallel_tiles(cut_of(p.m, p.n, p.k, threads), p.m, p.n, [&](const Tile& t) {
    PackedProduct<T>(p.part(t.row, t.rows, t.column, t.columns),
                     around.at(t.row * p.c_stride, t.column), finish,
                     workspace + workspace_part(threads) * share)
        .run();
  });
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
