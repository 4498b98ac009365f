// Compiled once for each instruction set: no `#pragma once`.
#if defined(PACELINE_ATTENTION_FEW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef PACELINE_ATTENTION_FEW_INL_H_
#undef PACELINE_ATTENTION_FEW_INL_H_
#else
#define PACELINE_ATTENTION_FEW_INL_H_
#endif

#include <algorithm>

#include "kernels/cpu/support/attention-inl.h"
#include "kernels/cpu/support/attention_group.h"
#include "kernels/cpu/support/parallel.h"

// A few queries at a time against all keys that they may see, which are read once for them all: the
// heads of a group look at the same keys, so a single token has as many queries as a group has
// heads.
HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu::HWY_NAMESPACE {

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
bool attend_few(const AttentionGroup& group, const AttentionState& state, std::int64_t first_query,
                float* workspace) {
  constexpr int vectors = lane_count >= 16 ? 4 : 2;
  const std::int64_t keys = group.key_count(), width = group.width();
  const auto visible_to = [&](std::int64_t query) {
    return visible_keys(state, group.position(query / group.heads()), keys);
  };
  const std::int64_t first = visible_to(first_query).first;
  const std::int64_t last = visible_to(first_query + rows - 1).last;
  const std::int64_t count = last - first;
  float* queries = workspace + few_queries * keys;
  for (int i = 0; i < rows; ++i) {
    const T* query = group.row_of(group.q, first_query + i).as<const T>();
    for (std::int64_t d = 0; d < width; ++d) queries[i * width + d] = static_cast<float>(query[d]);
  }
  const std::int64_t key_stride = group.k.strides[0], value_stride = group.v.strides[0];
  multiply_keys<rows>(queries, width, group.k.as<const T>() + first * key_stride, key_stride, count,
                      workspace, count);
  float shares[rows];
  for (int i = 0; i < rows; ++i) {
    const TensorView mask =
        group.has_mask ? group.row_of(group.mask, first_query + i) : TensorView{};
    shares[i] = 1 / weigh_scores(workspace + i * count, first, count, visible_to(first_query + i),
                                 state, group.has_mask ? &mask : nullptr);
  }
  const T* values = group.v.as<const T>() + first * value_stride;
  const Vector zero = hn::Zero(floats32);
  Vector nothing = zero;
  for (std::int64_t e = 0; e < group.value_width(); e += vectors * lane_count) {
    const std::int64_t columns = group.value_width() - e;
    Vector sums[rows][vectors];
    mix_columns(workspace, count, values + e, value_stride, count, columns, sums);
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) {
      T* out = group.row_of(group.out, first_query + i).as<T>() + e;
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
bool attend_at_once(const AttentionGroup& group, const AttentionState& state, std::int64_t query,
                    std::int64_t count, float* workspace) {
  static_assert(few_queries == 4);
  if (count == 4) return attend_few<4, T>(group, state, query, workspace);
  if (count == 3) return attend_few<3, T>(group, state, query, workspace);
  if (count == 2) return attend_few<2, T>(group, state, query, workspace);
  return attend_few<1, T>(group, state, query, workspace);
}

// All of a call; each thread has room for `few_queries` rows of scores and of q.
template <typename T>
void attend_few_queries(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1];
  const auto& state = call.state<AttentionState>();
  if (call.outputs[0].element_count() == 0 || clear_without_keys(call)) return;
  const std::int64_t groups = k.extents[1], keys = k.extents[2], width = q.extents[3];
  const std::int64_t queries = q.extents[1] / groups * q.extents[2];
  const std::int64_t blocks = (queries + few_queries - 1) / few_queries;
  const auto attend_blocks = [&](std::int64_t begin, std::int64_t end) {
    float* workspace = static_cast<float*>(call.workspace) +
                       workspace_part(call.threads) * few_queries * (keys + width);
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t place = i / blocks, query = i % blocks * few_queries;
      const auto group = attention_group(call, place / groups, place % groups);
      const std::int64_t count = std::min(few_queries, queries - query);
      if (attend_at_once<T>(group, state, query, count, workspace)) continue;
      // Only some may see what is no finite number.
      for (std::int64_t t = query; t < query + count; ++t) {
        attend_few<1, T>(group, state, t, workspace);
      }
    }
  };
  parallel_streams(q.extents[0] * groups * blocks, keys * width, call.threads, attend_blocks);
}

}  // namespace paceline::kernels::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
