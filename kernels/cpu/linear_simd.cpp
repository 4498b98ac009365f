#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>

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

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// Columns column, ... below column + `columns` of rows row, ... below row + `rows`, each the
// product of two rows in memory.
template <int rows, int columns, typename T>
void multiply_rows(const Problem<T>& p, std::int64_t row, std::int64_t column) {
  const T *x = p.x + row * p.k, *weight = p.weight + column * p.k;
  Vector sums[rows][columns];
  for (auto& of_row : sums) {
    for (Vector& sum : of_row) sum = hn::Zero(floats32);
  }
  for (std::int64_t k = 0; k < p.k; k += lane_count) {
    const std::int64_t left = p.k - k;
    Vector factors[rows];
    for (int i = 0; i < rows; ++i) factors[i] = load_first(x + i * p.k + k, left);
    for (int j = 0; j < columns; ++j) {
      const Vector weights = load_first(weight + j * p.k + k, left);
      for (int i = 0; i < rows; ++i) sums[i][j] = hn::MulAdd(factors[i], weights, sums[i][j]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      const float bias = p.bias ? static_cast<float>(p.bias[column + j]) : 0.0f;
      p.out[(row + i) * p.n + column + j] = static_cast<T>(sum_of_lanes(sums[i][j]) + bias);
    }
  }
}

// As many columns as `vectors` vectors hold, or `left` if fewer, each the product of a row of x and
// a column of the weight.
template <int rows, int vectors, typename T>
void multiply_columns(const Problem<T>& p, std::int64_t row, std::int64_t column,
                      std::int64_t left) {
  const auto left_of = [left](int c) {
    return std::clamp<std::int64_t>(left - c * lane_count, 0, lane_count);
  };
  Vector sums[rows][vectors];
  for (auto& of_row : sums) {
    for (int c = 0; c < vectors; ++c) {
      of_row[c] =
          p.bias ? load_first(p.bias + column + c * lane_count, left_of(c)) : hn::Zero(floats32);
    }
  }
  for (std::int64_t k = 0; k < p.k; ++k) {
    Vector weights[vectors];
    for (int c = 0; c < vectors; ++c) {
      weights[c] = load_first(p.weight + k * p.n + column + c * lane_count, left_of(c));
    }
    for (int i = 0; i < rows; ++i) {
      const Vector factor = fill(static_cast<float>(p.x[(row + i) * p.k + k]));
      for (int c = 0; c < vectors; ++c) sums[i][c] = hn::MulAdd(factor, weights[c], sums[i][c]);
    }
  }
  for (int i = 0; i < rows; ++i) {
    for (int c = 0; c < vectors; ++c) {
      store_first(sums[i][c], p.out + (row + i) * p.n + column + c * lane_count, left_of(c));
    }
  }
}

// Rows row, ... below row + `rows`, columns [begin, end).
template <int rows, typename T>
void multiply_strip(const Problem<T>& p, std::int64_t row, std::int64_t begin, std::int64_t end,
                    bool transpose_weight) {
  constexpr int columns = 4, vectors = 4;
  std::int64_t j = begin;
  if (transpose_weight) {
    for (; j + columns <= end; j += columns) multiply_rows<rows, columns>(p, row, j);
    for (; j < end; ++j) multiply_rows<rows, 1>(p, row, j);
  } else {
    for (; j < end; j += vectors * lane_count) {
      multiply_columns<rows, vectors>(p, row, j, end - j);
    }
  }
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
  // Strips of columns whose weights stay in a core's cache while the rows of x pass by.
  constexpr std::int64_t strip = 64;
  const std::int64_t strips = (p.n + strip - 1) / strip;
  parallel_ranges(strips, strip * p.k, call.threads, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      const std::int64_t begin = s * strip, end = std::min(p.n, begin + strip);
      std::int64_t row = 0;
      for (; row + rows_at_once <= p.m; row += rows_at_once) {
        multiply_strip<rows_at_once>(p, row, begin, end, transpose_weight);
      }
      for (; row < p.m; ++row) multiply_strip<1>(p, row, begin, end, transpose_weight);
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
