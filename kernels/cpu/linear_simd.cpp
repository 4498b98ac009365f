#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// For few rows of x: every weight is read once for up to four of them, at the speed of memory.
#ifndef PACELINE_LINEAR_SIMD_ONCE
#define PACELINE_LINEAR_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  explicit State(const Attributes& attributes)
      : transpose_weight(attributes.get<bool>("transpose_weight")) {}
  bool transpose_weight;
};

// [M,K] times [N,K] transposed, or times [K,N]; `bias` may be null.
template <typename T>
struct Problem {
  std::int64_t m, n, k;
  const T *x, *weight, *bias;
  T* out;
};

constexpr int rows_at_once = 4;
constexpr std::int64_t strip_columns_min = 64;
constexpr std::int64_t strip_columns = 512;

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// sums[i][j] += the product of element k on of row i of x and of row j of the weight, whose rows
// begin at `x` and `weight`. `load_at` gives a vector from an address.
template <int rows, int columns, typename T, typename LoadAt>
HWY_INLINE void add_products(const T* x, const T* weight, std::int64_t stride,
                             Vector (&sums)[rows][columns], const LoadAt& load_at) {
  Vector factors[rows];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) factors[i] = load_at(x + i * stride);
  HWY_UNROLL(8)
  for (int j = 0; j < columns; ++j) {
    const Vector weights = load_at(weight + j * stride);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) sums[i][j] = hn::MulAdd(factors[i], weights, sums[i][j]);
  }
}

// Columns column, ... below column + `columns` of rows row, ... below row + `rows`, each the
// product of two rows in memory.
template <int rows, int columns, typename T>
void multiply_rows(const Problem<T>& p, std::int64_t row, std::int64_t column) {
  const T *x = p.x + row * p.k, *weight = p.weight + column * p.k;
  Vector sums[rows][columns];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < columns; ++j) sums[i][j] = hn::Zero(floats32);
  }
  const std::int64_t whole = p.k / lane_count * lane_count;
  for (std::int64_t k = 0; k < whole; k += lane_count) {
    add_products(x + k, weight + k, p.k, sums, [](const T* at) { return load(at); });
  }
  if (whole < p.k) {
    add_products(x + whole, weight + whole, p.k, sums,
                 [&](const T* at) { return load_first(at, p.k - whole); });
  }
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(8)
    for (int j = 0; j < columns; ++j) {
      const float bias = p.bias ? static_cast<float>(p.bias[column + j]) : 0.0f;
      p.out[(row + i) * p.n + column + j] = static_cast<T>(sum_of_lanes(sums[i][j]) + bias);
    }
  }
}

// sums[i][j] += the products of elements k, ... below k + `depth` of row i of x and column j of the
// weight, for `count` columns.
template <int rows, int depth, typename T>
void add_rows(const T* x, std::int64_t x_stride, const T* weight, std::int64_t weight_stride,
              std::int64_t count, float (&sums)[rows][strip_columns]) {
  Vector factors[rows][depth];
  for (int i = 0; i < rows; ++i) {
    for (int d = 0; d < depth; ++d) factors[i][d] = fill(static_cast<float>(x[i * x_stride + d]));
  }
  for (std::int64_t j = 0; j < count; j += lane_count) {
    Vector weights[depth];
    HWY_UNROLL(4)
    for (int d = 0; d < depth; ++d)
      weights[d] = load_first(weight + d * weight_stride + j, count - j);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      Vector sum = load(sums[i] + j);
      HWY_UNROLL(4)
      for (int d = 0; d < depth; ++d) sum = hn::MulAdd(factors[i][d], weights[d], sum);
      store(sum, sums[i] + j);
    }
  }
}

// Columns [begin, end) of rows row, ... below row + `rows`, each the product of a row of x and a
// column of the weight, whose rows are read one after the other.
template <int rows, typename T>
void multiply_columns(const Problem<T>& p, std::int64_t row, std::int64_t begin, std::int64_t end) {
  constexpr int depth = 4;
  alignas(64) float sums[rows][strip_columns];
  const std::int64_t count = end - begin;
  for (int i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < count; j += lane_count) {
      store(p.bias ? load_first(p.bias + begin + j, count - j) : hn::Zero(floats32), sums[i] + j);
    }
  }
  const T *x = p.x + row * p.k, *weight = p.weight + begin;
  std::int64_t k = 0;
  for (; k + depth <= p.k; k += depth) {
    add_rows<rows, depth>(x + k, p.k, weight + k * p.n, p.n, count, sums);
  }
  for (; k < p.k; ++k) add_rows<rows, 1>(x + k, p.k, weight + k * p.n, p.n, count, sums);
  for (int i = 0; i < rows; ++i) {
    T* out = p.out + (row + i) * p.n + begin;
    for (std::int64_t j = 0; j < count; j += lane_count) {
      store_first(load(sums[i] + j), out + j, count - j);
    }
  }
}

// Rows row, ... below row + `rows`, columns [begin, end).
template <int rows, typename T>
void multiply_strip(const Problem<T>& p, std::int64_t row, std::int64_t begin, std::int64_t end,
                    bool transpose_weight) {
  if (!transpose_weight) return multiply_columns<rows>(p, row, begin, end);
  // As many sums as the registers hold.
  constexpr int columns = rows == 1 ? 8 : lane_count >= 16 ? 4 : 2;
  std::int64_t j = begin;
  for (; j + columns <= end; j += columns) multiply_rows<rows, columns>(p, row, j);
  for (; j < end; ++j) multiply_rows<rows, 1>(p, row, j);
}

template <typename T>
void run_typed(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  if (out.element_count() == 0) return;
  const std::int64_t n = out.extents[out.rank - 1];
  const Problem<T> p = {.m = out.element_count() / n,
                        .n = n,
                        .k = x.extents[x.rank - 1],
                        .x = x.as<const T>(),
                        .weight = call.inputs[1].as<const T>(),
                        .bias = call.inputs.size() > 2 ? call.inputs[2].as<const T>() : nullptr,
                        .out = out.as<T>()};
  const bool transpose_weight = call.state<State>().transpose_weight;
  // Strips of columns whose weights stay in a core's cache while the rows of x pass by; wide ones
  // where a strip's weights lie apart, so that memory is read in long runs.
  const std::int64_t share = ((p.n - 1) / call.threads / strip_columns_min + 1) * strip_columns_min;
  const std::int64_t strip = transpose_weight ? strip_columns_min : std::min(share, strip_columns);
  const std::int64_t strips = (p.n + strip - 1) / strip;
  parallel_ranges(strips, strip * p.k, call.threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      const std::int64_t begin = s * strip, end = std::min(p.n, begin + strip);
      const auto multiply = [&]<int rows>(std::integral_constant<int, rows>, std::int64_t row) {
        multiply_strip<rows>(p, row, begin, end, transpose_weight);
      };
      std::int64_t row = 0;
      for (; row + rows_at_once <= p.m; row += rows_at_once) {
        multiply(std::integral_constant<int, rows_at_once>{}, row);
      }
      if (row + 2 <= p.m) {
        multiply(std::integral_constant<int, 2>{}, row);
        row += 2;
      }
      if (row < p.m) multiply(std::integral_constant<int, 1>{}, row);
    }
  });
}

void run_linear(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype,
                    [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_linear);
}  // namespace

Kernel linear_simd() {
  return {
      .info = simd_info("", "linear", {Strides::dense}, 0.25, Precision::reorders),
      .prepare = prepare<State>,
      .run = PACELINE_BEST_TARGET(run_linear),
  };
}

}  // namespace paceline::kernels::cpu
#endif
