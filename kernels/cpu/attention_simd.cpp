#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/attention-inl.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/simd_kernel.h"

// A few queries at a time against all keys that they may see, which are read once for them all: the
// heads of a group look at the same keys, so a single token has as many queries as a group has
// heads.
#ifndef PACELINE_ATTENTION_SIMD_ONCE
#define PACELINE_ATTENTION_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {
constexpr std::int64_t block_rows = 4;
}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// The queries of one group of heads, in the order of their positions: query t is token t / group of
// head t % group.
template <typename T>
struct Group {
  TensorView q, k, v, out;  // [group,N,D], [L,D], [L,E], [group,N,E].
  TensorView mask;          // [group,N,L].
  bool has_mask;

  std::int64_t heads() const { return q.extents[0]; }
  std::int64_t query_count() const { return q.extents[0] * q.extents[1]; }
  std::int64_t key_count() const { return k.extents[0]; }
  std::int64_t width() const { return q.extents[2]; }
  std::int64_t value_width() const { return v.extents[1]; }
  std::int64_t position(std::int64_t query) const {
    return query / heads() + key_count() - q.extents[1];
  }
  TensorView row_of(const TensorView& view, std::int64_t query) const {
    return axes(at(view, query % heads() * view.strides[0] + query / heads() * view.strides[1]), 2,
                3);
  }
};

// products[i][j] = row i of `queries` times key j. Two keys at once share the loads of the queries.
template <int rows, typename T>
void multiply_keys(const float* queries, std::int64_t width, const T* keys, std::int64_t key_stride,
                   std::int64_t count, float* products, std::int64_t product_stride) {
  for (std::int64_t j = 0; j < count; j += 2) {
    const bool has_second = j + 1 < count;
    const std::int64_t second = has_second ? key_stride : 0;
    const T* key = keys + j * key_stride;
    Vector sums[rows][2];
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) sums[i][0] = sums[i][1] = hn::Zero(floats32);
    for (std::int64_t d = 0; d < width; d += lane_count) {
      const Vector a = load_first(key + d, width - d), b = load_first(key + second + d, width - d);
      HWY_UNROLL(4)
      for (int i = 0; i < rows; ++i) {
        const Vector query = load_first(queries + i * width + d, width - d);
        sums[i][0] = hn::MulAdd(query, a, sums[i][0]);
        sums[i][1] = hn::MulAdd(query, b, sums[i][1]);
      }
    }
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      products[i * product_stride + j] = sum_of_lanes(sums[i][0]);
      if (has_second) products[i * product_stride + j + 1] = sum_of_lanes(sums[i][1]);
    }
  }
}

// sums[i] = the sum over all j of weights[i][j] * value j, for `vectors` vectors of the values.
// `load_at` gives vector c of a value from its address.
template <int rows, int vectors, typename T, typename LoadAt>
HWY_INLINE void mix_values(const float* weights, std::int64_t weight_stride, const T* values,
                           std::int64_t value_stride, std::int64_t count,
                           Vector (&sums)[rows][vectors], const LoadAt& load_at) {
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) {
    HWY_UNROLL(4)
    for (int c = 0; c < vectors; ++c) sums[i][c] = hn::Zero(floats32);
  }
  for (std::int64_t j = 0; j < count; ++j) {
    Vector value[vectors];
    HWY_UNROLL(4)
    for (int c = 0; c < vectors; ++c) value[c] = load_at(values + j * value_stride, c);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      const Vector weight = fill(weights[i * weight_stride + j]);
      HWY_UNROLL(4)
      for (int c = 0; c < vectors; ++c) sums[i][c] = hn::MulAdd(weight, value[c], sums[i][c]);
    }
  }
}

// The same for values that have `columns` left.
template <int rows, int vectors, typename T>
HWY_INLINE void mix_columns(const float* weights, std::int64_t weight_stride, const T* values,
                            std::int64_t value_stride, std::int64_t count, std::int64_t columns,
                            Vector (&sums)[rows][vectors]) {
  if (columns >= vectors * lane_count) {
    mix_values(weights, weight_stride, values, value_stride, count, sums,
               [](const T* at, int c) { return load(at + c * lane_count); });
  } else {
    mix_values(weights, weight_stride, values, value_stride, count, sums,
               [columns](const T* at, int c) {
                 const std::int64_t left = columns - c * lane_count;
                 return left > 0 ? load_first(at + c * lane_count, left) : hn::Zero(floats32);
               });
  }
}

// Queries first_query, ... of `group`, as many as `rows`. `workspace` has room for their scores on
// all keys and their elements as floats. False when an output is no finite number.
template <int rows, typename T>
bool attend(const Group<T>& group, const AttentionState& state, std::int64_t first_query,
            float* workspace) {
  constexpr int vectors = lane_count >= 16 ? 4 : 2;
  const std::int64_t keys = group.key_count(), width = group.width();
  const std::int64_t first = visible_keys(state, group.position(first_query), keys).first;
  const std::int64_t last = visible_keys(state, group.position(first_query + rows - 1), keys).last;
  const std::int64_t count = last - first;
  float* queries = workspace + block_rows * keys;
  for (int i = 0; i < rows; ++i) {
    const T* query = group.row_of(group.q, first_query + i).template as<const T>();
    for (std::int64_t d = 0; d < width; ++d) queries[i * width + d] = static_cast<float>(query[d]);
  }
  const std::int64_t key_stride = group.k.strides[0], value_stride = group.v.strides[0];
  multiply_keys<rows>(queries, width, group.k.template as<const T>() + first * key_stride,
                      key_stride, count, workspace, count);
  float shares[rows];
  for (int i = 0; i < rows; ++i) {
    const KeyRange visible = visible_keys(state, group.position(first_query + i), keys);
    const TensorView mask =
        group.has_mask ? group.row_of(group.mask, first_query + i) : TensorView{};
    shares[i] = 1 / weigh_scores(workspace + i * count, first, count, visible, state,
                                 group.has_mask ? &mask : nullptr);
  }
  const T* values = group.v.template as<const T>() + first * value_stride;
  const Vector zero = hn::Zero(floats32);
  Vector nothing = zero;
  for (std::int64_t e = 0; e < group.value_width(); e += vectors * lane_count) {
    const std::int64_t columns = group.value_width() - e;
    Vector sums[rows][vectors];
    mix_columns(workspace, count, values + e, value_stride, count, columns, sums);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      T* out = group.row_of(group.out, first_query + i).template as<T>() + e;
      HWY_UNROLL(4)
      for (int c = 0; c < vectors; ++c) {
        if (c * lane_count >= columns) break;
        const Vector value = hn::Mul(sums[i][c], fill(shares[i]));
        store_first(value, out + c * lane_count, columns - c * lane_count);
        nothing = hn::MulAdd(value, zero, nothing);
      }
    }
  }
  return sum_of_lanes(nothing) == 0;
}

template <typename T>
Group<T> group_of(const Call& call, std::int64_t b, std::int64_t g) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const std::int64_t heads = q.extents[1] / k.extents[1];
  const auto heads_of = [&](const TensorView& view) {
    return narrowed(axes(at(view, b * view.strides[0]), 1, 4), 0, g * heads, heads);
  };
  const auto head_of = [&](const TensorView& view) {
    return axes(at(view, b * view.strides[0] + g * view.strides[1]), 2, 4);
  };
  const bool has_mask = call.inputs.size() > 3;
  return {heads_of(q),
          head_of(k),
          head_of(v),
          heads_of(call.outputs[0]),
          has_mask ? heads_of(broadcast_mask(call.inputs[3], q, k)) : TensorView{},
          has_mask};
}

template <typename T>
void run_typed(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1];
  const auto& state = call.state<AttentionState>();
  if (call.outputs[0].element_count() == 0 || clear_without_keys(call)) return;
  const std::int64_t groups = k.extents[1], keys = k.extents[2], width = q.extents[3];
  const std::int64_t queries = q.extents[1] / groups * q.extents[2];
  const std::int64_t blocks = (queries + block_rows - 1) / block_rows;
  const auto attend_blocks = [&](std::int64_t begin, std::int64_t end) {
    float* workspace = static_cast<float*>(call.workspace) +
                       workspace_part(call.threads) * block_rows * (keys + width);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t place = i / blocks, query = i % blocks * block_rows;
      const auto group = group_of<T>(call, place / groups, place % groups);
      if (query + block_rows <= queries && attend<block_rows>(group, state, query, workspace)) {
        continue;
      }
      // The last queries, or those of which only some may see what is no finite number.
      const std::int64_t end = std::min(query + block_rows, queries);
      for (std::int64_t t = query; t < end; ++t) attend<1>(group, state, t, workspace);
    }
  };
  parallel_ranges(q.extents[0] * groups * blocks, keys * width, call.threads, attend_blocks);
}

void run_attention(const Call& call) {
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

HWY_EXPORT(run_attention);

// The scores and the queries of one block, for each thread.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  return (in[1].shape[2] + in[0].shape[3]) *
         (block_rows * resources.threads * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

// Views of [B,N,H,D] and slices of a cache are read where they are.
Kernel attention_simd() {
  return {
      .info = simd_info(
          "", "attention",
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any}, 0.2),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<AttentionState>,
      .run = PACELINE_BEST_TARGET(run_attention),
  };
}

}  // namespace paceline::kernels::cpu
#endif
