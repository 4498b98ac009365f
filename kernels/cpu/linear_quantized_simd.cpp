#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_quantized_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "common/ops/block_codes.h"
#include "kernels/cpu/support/packed_product-inl.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/quantized.h"
#include "kernels/cpu/support/simd_kernel.h"

// Blocks become floats a piece at a time, in a cache: for few rows a block, which is multiplied at
// once; for many, columns for a packed product.
#ifndef PACELINE_LINEAR_QUANTIZED_SIMD_ONCE
#define PACELINE_LINEAR_QUANTIZED_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

constexpr std::int64_t few_quantized_rows = 8;
constexpr std::int64_t piece_columns = 192;
// In elements: whole blocks of every format.
constexpr std::int64_t piece_depth = 1024;
constexpr std::int64_t piece_floats = piece_columns * piece_depth;

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

using ops::BlockKind;

// out[i] = scale * (code - zero) + offset, 16 at a time: every format's groups are as long.
template <BlockKind kind>
HWY_INLINE void block_to_floats(const std::uint8_t* from, float* out) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  const hn::Rebind<std::uint8_t, Floats32> bytes;
  ops::BlockCodes codes;
  ops::unpack_block<kind>(from, codes);
  const Vector zero = fill(static_cast<float>(format.zero));
  for (std::int64_t i = 0; i < format.elements; i += lane_count) {
    const auto words = hn::PromoteTo(Integers32{}, hn::LoadU(bytes, codes.codes + i));
    const Vector code = hn::Sub(hn::ConvertTo(floats32, words), zero);
    const std::int64_t group = i / format.group;
    const Vector scaled = hn::Mul(code, fill(codes.scales[group]));
    store(format.has_offsets ? hn::Add(scaled, fill(codes.offsets[group])) : scaled, out + i);
  }
}

template <BlockKind kind>
void row_to_floats(const std::uint8_t* from, std::int64_t count, float* out) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  for (std::int64_t k = 0; k < count; k += format.elements, from += format.bytes) {
    block_to_floats<kind>(from, out + k);
  }
}

template <BlockKind kind, int rows>
void multiply_column(const QuantizedProduct<float>& p, std::int64_t row, std::int64_t column) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  alignas(64) float weight[format.elements];
  Vector sums[rows][2];
  for (auto& of_row : sums) of_row[0] = of_row[1] = hn::Zero(floats32);
  const std::uint8_t* blocks = p.blocks + column * p.row_bytes;
  for (std::int64_t k = 0; k < p.k; k += format.elements, blocks += format.bytes) {
    block_to_floats<kind>(blocks, weight);
    for (std::int64_t i = 0; i < format.elements; i += 2 * lane_count) {
      HWY_UNROLL(4)
      for (int r = 0; r < rows; ++r) {
        const float* x = p.x + (row + r) * p.k + k + i;
        sums[r][0] = hn::MulAdd(load(x), load(weight + i), sums[r][0]);
        sums[r][1] = hn::MulAdd(load(x + lane_count), load(weight + i + lane_count), sums[r][1]);
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    const float sum = sum_of_lanes(hn::Add(sums[r][0], sums[r][1]));
    p.out[(row + r) * p.n + column] = sum + (p.bias != nullptr ? p.bias[column] : 0);
  }
}

template <BlockKind kind>
void multiply_few(const QuantizedProduct<float>& p, std::int64_t begin, std::int64_t end) {
  for (std::int64_t column = begin; column < end; ++column) {
    std::int64_t row = 0;
    for (; row + 4 <= p.m; row += 4) multiply_column<kind, 4>(p, row, column);
    for (; row + 2 <= p.m; row += 2) multiply_column<kind, 2>(p, row, column);
    if (row < p.m) multiply_column<kind, 1>(p, row, column);
  }
}

// A piece of columns at a time; pieces of depth are added to the results of those before.
template <BlockKind kind>
void multiply_piece(const QuantizedProduct<float>& p, std::int64_t column, float* memory) {
  constexpr const ops::BlockFormat& format = ops::block_format(kind);
  const std::int64_t columns = std::min(piece_columns, p.n - column);
  for (std::int64_t from = 0; from < p.k; from += piece_depth) {
    const std::int64_t depth = std::min(piece_depth, p.k - from);
    for (std::int64_t j = 0; j < columns; ++j) {
      row_to_floats<kind>(p.blocks + (column + j) * p.row_bytes + format.row_bytes(from), depth,
                          memory + j * depth);
    }
    const Product<float> part{.m = p.m,
                              .n = columns,
                              .k = depth,
                              .a = p.x + from,
                              .a_stride = p.k,
                              .b = memory,
                              .b_stride = depth,
                              .transpose_b = true,
                              .c = p.out + column,
                              .c_stride = p.n};
    Around<float> around;
    if (from > 0) around.residual = part.c;
    if (from == 0 && p.bias != nullptr) around.bias = p.bias + column;
    PackedProduct<float>(part, around, finish_tile<Same, float>, memory + piece_floats).run();
  }
}

template <BlockKind kind>
void multiply_quantized(const QuantizedProduct<float>& p, const Call& call) {
  // Without depth there are no pieces, and the bias is all.
  if (p.m <= few_quantized_rows || p.k == 0) {
    return parallel_streams(p.n, p.k, call.threads, [&](std::int64_t begin, std::int64_t end) {
      multiply_few<kind>(p, begin, end);
    });
  }
  const std::int64_t pieces = (p.n + piece_columns - 1) / piece_columns;
  parallel_ranges(
      pieces, piece_columns * p.k, call.threads, [&](std::int64_t begin, std::int64_t end) {
        const std::int64_t share = piece_floats + packed_product_floats(sizeof(float));
        float* memory = static_cast<float*>(call.workspace) + workspace_part(call.threads) * share;
        for (std::int64_t i = begin; i < end; ++i) {
          multiply_piece<kind>(p, i * piece_columns, memory);
        }
      });
}

void run_linear_quantized(const Call& call) {
  if (call.outputs[0].element_count() == 0) return;
  const auto p = quantized_product<float>(call);
  ops::visit_block_kind(call.state<QuantizedState>().format.kind,
                        [&]<BlockKind kind>() { multiply_quantized<kind>(p, call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_linear_quantized);

Dim workspace_bytes(const OpInputs&, const Resources& resources) {
  return 4 * resources.threads * (piece_floats + packed_product_floats(sizeof(float)));
}

}  // namespace

Kernel linear_quantized_simd() {
  KernelInfo info = simd_info("", "linear_quantized", {Strides::dense}, 0.5, Precision::reorders);
  info.accepts.dtypes = {Dtype::f32};
  return {.info = std::move(info),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<QuantizedState>,
          .run = PACELINE_BEST_TARGET(run_linear_quantized)};
}

}  // namespace paceline::kernels::cpu
#endif
