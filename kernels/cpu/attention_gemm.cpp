#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_gemm.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/attention-inl.h"
#include "kernels/cpu/support/openblas.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd_kernel.h"

// The scores of a tile of queries as one matrix product, their softmax, and the weighted values as
// another. Keys that no query of the tile may see are left out of both.
#ifndef PACELINE_ATTENTION_GEMM_ONCE
#define PACELINE_ATTENTION_GEMM_ONCE
namespace paceline::kernels::cpu {
namespace {

constexpr std::int64_t tile_rows = 64;

struct State : AttentionState {
  State(const Blas& blas, const Attributes& attributes) : AttentionState(attributes), blas(blas) {}
  Blas blas;
};

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// One head of one batch entry: [N,D], [L,D], [L,E], [N,E], and the mask [N,L] or null.
struct Head {
  TensorView q, k, v, out;
  const TensorView* mask;
};

TensorView head_of(const TensorView& view, std::int64_t b, std::int64_t h) {
  return axes(at(view, b * view.strides[0] + h * view.strides[1]), 2, 4);
}

// Queries row, row + 1, ... below row + rows. `scores` has room for as many rows of all keys.
void attend_tile(const Head& head, const State& state, std::int64_t row, std::int64_t rows,
                 float* scores) {
  const std::int64_t key_count = head.k.extents[0], width = head.v.extents[1];
  const std::int64_t position = row + key_count - head.q.extents[0];
  const std::int64_t first = visible_keys(state, position, key_count).first;
  const std::int64_t last = visible_keys(state, position + rows - 1, key_count).last;
  const std::int64_t count = last - first;
  float* out = head.out.as<float>() + row * head.out.strides[0];
  if (count > 0) {
    multiply_strided<float>(state.blas.of_floats,
                            {.m = rows,
                             .n = count,
                             .k = head.q.extents[1],
                             .a = head.q.as<const float>() + row * head.q.strides[0],
                             .a_stride = head.q.strides[0],
                             .b = head.k.as<const float>() + first * head.k.strides[0],
                             .b_stride = head.k.strides[0],
                             .transpose_b = true,
                             .c = scores,
                             .c_stride = count},
                            false);
  }
  float shares[tile_rows];
  for (std::int64_t i = 0; i < rows; ++i) {
    const KeyRange visible = visible_keys(state, position + i, key_count);
    const TensorView mask =
        head.mask ? axes(at(*head.mask, (row + i) * head.mask->strides[0]), 1, 2) : TensorView{};
    shares[i] = 1 / weigh_scores(scores + i * count, first, count, visible, state,
                                 head.mask ? &mask : nullptr);
  }
  if (count > 0) {
    multiply_strided<float>(state.blas.of_floats,
                            {.m = rows,
                             .n = width,
                             .k = count,
                             .a = scores,
                             .a_stride = count,
                             .b = head.v.as<const float>() + first * head.v.strides[0],
                             .b_stride = head.v.strides[0],
                             .c = out,
                             .c_stride = head.out.strides[0]},
                            false);
  } else {
    std::fill_n(out, rows * width, 0.0f);
  }
  bool finite = true;
  for (std::int64_t i = 0; i < rows; ++i) {
    float* row_out = out + i * head.out.strides[0];
    multiply(row_out, width, shares[i]);
    finite = finite && are_finite(row_out, width);
  }
  const bool look_alike = visible_keys(state, position, key_count) ==
                          visible_keys(state, position + rows - 1, key_count);
  if (finite || look_alike) return;
  // Whatever it is, it may only reach the queries that see it.
  for (std::int64_t i = 0; i < rows; ++i) attend_tile(head, state, row + i, 1, scores);
}

void run_attention(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const auto& state = call.state<State>();
  const bool has_mask = call.inputs.size() > 3;
  const TensorView mask = has_mask ? broadcast_mask(call.inputs[3], q, k) : TensorView{};
  const std::int64_t heads = q.extents[1], group = heads / k.extents[1];
  const std::int64_t queries = q.extents[2], keys = k.extents[2];
  const std::int64_t tiles = (queries + tile_rows - 1) / tile_rows;
  const std::int64_t rows = std::min(queries, tile_rows);
  if (call.outputs[0].element_count() == 0 || clear_without_keys(call)) return;
  const auto attend = [&](std::int64_t begin, std::int64_t end) {
    float* scores =
        static_cast<float*>(call.workspace) + workspace_part(call.threads) * tile_rows * keys;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t row = i % tiles * tile_rows, b = i / tiles / heads, h = i / tiles % heads;
      const TensorView head_mask = axes(at(mask, b * mask.strides[0] + h * mask.strides[1]), 2, 4);
      const Head head = {head_of(q, b, h), head_of(k, b, h / group), head_of(v, b, h / group),
                         head_of(call.outputs[0], b, h), has_mask ? &head_mask : nullptr};
      attend_tile(head, state, row, std::min(tile_rows, queries - row), scores);
    }
  };
  parallel_ranges(q.extents[0] * heads * tiles, rows * keys * q.extents[3], call.threads, attend);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_attention);

// The scores of a tile, for each thread.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  return in[1].shape[2] *
         (tile_rows * resources.threads * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

// On the core type of OpenBLAS with the widest vectors, if there is one.
std::vector<Kernel> attention_gemm() {
  std::vector<Kernel> family;
  if (openblas_cores().empty()) return family;
  const BlasLibrary& core = openblas_cores().front();
  family.push_back({
      .info = {.name = core.name,
               .op = "attention",
               .library = "openblas",
               .accepts = {.dtypes = {Dtype::f32},
                           .input_strides = {Strides::dense_inner, Strides::dense_inner,
                                             Strides::dense_inner, Strides::any}},
               .precision = Precision::approximates,
               .library_version = core.version,
               .expected_efficiency = 0.4},
      .workspace_bytes = workspace_bytes,
      .prepare = [blas = core.blas](const Attributes& attributes, const Resources&)
          -> std::unique_ptr<Prepared> { return std::make_unique<State>(blas, attributes); },
      .run = PACELINE_BEST_TARGET(run_attention),
  });
  return family;
}

}  // namespace paceline::kernels::cpu
#endif
