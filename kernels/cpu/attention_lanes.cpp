#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention_lanes.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/cpu/support/attention_few-inl.h"
#include "kernels/cpu/support/attention_lanes-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Tiles of queries against tiles of keys, with the softmax kept up on the way (Milakov and
// Gimelshein 2018; Dao and others 2022): no row of scores is ever whole. The heads of a group are
// queries on the same keys. Keys that no query of a tile may see are left out, be it by position or
// because a mask says so throughout. Few queries meet all keys at once (`attention_few-inl.h`).
#ifndef PACELINE_ATTENTION_LANES_ONCE
#define PACELINE_ATTENTION_LANES_ONCE
namespace paceline::kernels::cpu {
namespace {

constexpr std::int64_t key_tile = 64;
constexpr std::int64_t query_tile_max = 48;
// So many leave most lanes idle.
constexpr std::int64_t query_count_few = 8;
constexpr double log2_of_e = 1.4426950408889634;

// What one thread needs: queries, scores, a mask, outputs, and keys or values as floats.
template <typename Count>
Count tile_floats(const Count& width, const Count& value_width, bool has_mask, bool is_widened) {
  const std::int64_t keys = has_mask ? 2 * key_tile : key_tile;
  const Count lanes = (width + value_width + keys) * query_tile_max;
  return is_widened ? lanes + (width + value_width) * key_tile : lanes;
}

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

constexpr float hidden = -std::numeric_limits<float>::infinity();

// What a mask does to a tile.
enum class MaskEffect { none, some, hides_all };

// One tile of queries with room for what it computes. Lanes beyond `count` repeat the last query.
template <int vectors, typename T>
class Tile {
 public:
  static constexpr std::int64_t lanes = vectors * lane_count;

  Tile(const AttentionGroup& group, const AttentionState& state, std::int64_t first_query,
       std::int64_t count, float* workspace)
      : group_(group),
        state_(state),
        count_(count),
        queries_(workspace),
        scores_(queries_ + group.width() * lanes),
        masks_(scores_ + key_tile * lanes),
        outputs_(masks_ + (group.has_mask ? key_tile * lanes : 0)),
        widened_(outputs_ + group.value_width() * lanes) {
    std::int64_t token = first_query / group.heads(), head = first_query % group.heads();
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      tokens_[lane] = token;
      heads_[lane] = head;
      visible_[lane] = visible_keys(state, group.position(token), group.key_count());
      if (lane + 1 < count && ++head == group.heads()) {
        head = 0;
        ++token;
      }
    }
    const KeyRange &start = visible_[0], &end = visible_[lanes - 1];  // Both ends grow.
    first_ = start.first;
    last_ = end.last;
    seen_by_all_ = {end.first, start.last};
  }

  // False when an output is no finite number although queries differ in what they may see: zero
  // times a hidden value is not always zero.
  bool attend() {
    gather_queries();
    seen_.clear();
    Vector factors[vectors];
    bool is_first = true;
    for (std::int64_t key = first_; key < last_; key += key_tile) {
      const std::int64_t count = std::min(key_tile, last_ - key);
      const MaskEffect effect = group_.has_mask ? effect_of_mask(key, count) : MaskEffect::none;
      if (effect == MaskEffect::hides_all) continue;
      score_keys(key, count);
      hide_keys(key, count);
      if (effect == MaskEffect::some) mask_keys(key, count);
      seen_.take(scores_, count, factors);
      mix_values(key, count, is_first, factors);
      is_first = false;
    }
    if (is_first) std::fill_n(outputs_, group_.value_width() * lanes, 0.0f);
    const bool is_finite = divide_by_sums();
    scatter_outputs();
    return is_finite || visible_[0] == visible_[lanes - 1];
  }

 private:
  std::int64_t offset(const TensorView& view, std::int64_t lane) const {
    return heads_[lane] * view.strides[0] + tokens_[lane] * view.strides[1];
  }
  const T* query(std::int64_t lane) const {
    return group_.q.as<const T>() + offset(group_.q, lane);
  }
  T* out(std::int64_t lane) const { return group_.out.as<T>() + offset(group_.out, lane); }

  void gather_queries() {
    // 2^(x log2 e) is e^x; a cap comes before that factor.
    const double base = state_.softcap > 0 ? 1.0 : log2_of_e;
    const auto scale = static_cast<float>(state_.scale * base);
    std::int64_t done = 0;  // Columns.
#if HWY_TARGET != HWY_SCALAR
    if constexpr (std::is_same_v<T, float>) {
      done = group_.width() / 4 * 4;
      for (std::int64_t lane = 0; lane < lanes; lane += 4) {
        for (std::int64_t d = 0; d < done; d += 4) {
          float* to = queries_ + d * lanes + lane;
          transpose_four(
              {query(lane) + d, query(lane + 1) + d, query(lane + 2) + d, query(lane + 3) + d},
              {to, to + lanes, to + 2 * lanes, to + 3 * lanes}, scale);
        }
      }
    }
#endif
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      for (std::int64_t d = done; d < group_.width(); ++d) {
        queries_[d * lanes + lane] = static_cast<float>(query(lane)[d]) * scale;
      }
    }
  }

  // Rows key, key + 1, ... of `view` as floats, and how far apart they are.
  std::pair<const float*, std::int64_t> rows_of(const TensorView& view, std::int64_t key,
                                                std::int64_t count) {
    const T* from = view.as<const T>() + key * view.strides[0];
    if constexpr (std::is_same_v<T, float>) {
      return {from, view.strides[0]};
    } else {
      const std::int64_t width = view.extents[1];
      for (std::int64_t j = 0; j < count; ++j) {
        for (std::int64_t d = 0; d < width; d += lane_count) {
          store_first(load_first(from + j * view.strides[0] + d, width - d),
                      widened_ + j * width + d, width - d);
        }
      }
      return {widened_, width};
    }
  }

  void score_keys(std::int64_t key, std::int64_t count) {
    const auto keys = rows_of(group_.k, key, count);
    multiply_all_rows<vectors>(keys.first, AdjacentFactors{keys.second}, count, queries_,
                               group_.width(), scores_, FromZero{});
    if (state_.softcap > 0) cap_scores(count);
  }

  void cap_scores(std::int64_t count) {
    const Vector cap = fill(static_cast<float>(state_.softcap));
    const Vector scaled = fill(static_cast<float>(state_.softcap * log2_of_e));
    for (std::int64_t i = 0; i < count * lanes; i += lane_count) {
      const Vector share = hyperbolic_tangent(hn::Div(load(scores_ + i), cap));
      store(hn::Mul(share, scaled), scores_ + i);
    }
  }

  void hide_keys(std::int64_t key, std::int64_t count) {
    if (key >= seen_by_all_.first && key + count <= seen_by_all_.last) return;
    alignas(64) float from[lanes], to[lanes];  // Places in this tile.
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const auto place = [&](std::int64_t at) {
        return static_cast<float>(std::clamp<std::int64_t>(at - key, 0, count));
      };
      from[lane] = place(visible_[lane].first);
      to[lane] = place(visible_[lane].last);
    }
    for (std::int64_t j = 0; j < count; ++j) {
      const Vector place = fill(static_cast<float>(j));
      for (std::int64_t lane = 0; lane < lanes; lane += lane_count) {
        float* score = scores_ + j * lanes + lane;
        const auto sees = hn::And(hn::Ge(place, load(from + lane)), hn::Lt(place, load(to + lane)));
        store(hn::IfThenElse(sees, load(score), fill(hidden)), score);
      }
    }
  }

  // Masks are bool, or of the dtype of the queries.
  MaskEffect effect_of_mask(std::int64_t key, std::int64_t count) const {
    return group_.mask.dtype == Dtype::boolean ? effect_of<bool>(key, count)
                                               : effect_of<T>(key, count);
  }
  template <typename M>
  MaskEffect effect_of(std::int64_t key, std::int64_t count) const {
    if (group_.mask.strides[2] != 1) return MaskEffect::some;
    bool hides_all = true, keeps_all = true;
    for (std::int64_t lane = 0; lane < count_; ++lane) {
      const M* row = group_.mask.as<const M>() + offset(group_.mask, lane) + key;
      hides_all = hides_all && are_all(row, count, hidden);
      keeps_all = keeps_all && are_all(row, count, 0.0f);
      if (!hides_all && !keeps_all) return MaskEffect::some;
    }
    return hides_all ? MaskEffect::hides_all : MaskEffect::none;
  }
  static bool are_all(const bool* row, std::int64_t count, float effect) {
    return std::memchr(row, effect == 0 ? 0 : 1, count) == nullptr;
  }
  template <typename M>
  static bool are_all(const M* row, std::int64_t count, float effect) {
    const Vector wanted = fill(effect);
    for (std::int64_t j = 0; j < count; j += lane_count) {
      if (!hn::AllTrue(floats32, hn::Eq(load_first(row + j, count - j, wanted), wanted))) {
        return false;
      }
    }
    return true;
  }

  void mask_keys(std::int64_t key, std::int64_t count) {
    if (group_.mask.dtype == Dtype::boolean) {
      transpose_mask<bool>(key, count);
      for (std::int64_t i = 0; i < count * lanes; i += lane_count) {
        const auto keeps = hn::Ne(load(masks_ + i), hn::Zero(floats32));
        store(hn::IfThenElse(keeps, load(scores_ + i), fill(hidden)), scores_ + i);
      }
    } else {
      transpose_mask<T>(key, count);
      const Vector scale = fill(static_cast<float>(log2_of_e)), below = fill(hidden);
      for (std::int64_t i = 0; i < count * lanes; i += lane_count) {
        const Vector mask = load(masks_ + i), score = load(scores_ + i);
        const Vector sum = hn::MulAdd(mask, scale, score);
        // The lowest number hides a key as exporters mean it, and is no infinity after the factor.
        const auto overflows =
            hn::And(hn::Eq(sum, below), hn::And(hn::Gt(mask, below), hn::Gt(score, below)));
        store(hn::IfThenElse(overflows, fill(lowest), sum), scores_ + i);
      }
    }
  }
  template <typename M>
  void transpose_mask(std::int64_t key, std::int64_t count) {
    const std::int64_t stride = group_.mask.strides[2];
    const auto row = [&](std::int64_t lane) {
      return group_.mask.as<const M>() + offset(group_.mask, lane) + key * stride;
    };
    std::int64_t done = 0;  // Keys.
#if HWY_TARGET != HWY_SCALAR
    if constexpr (std::is_same_v<M, float>) {
      if (stride == 1) done = count / 4 * 4;
      for (std::int64_t lane = 0; lane < lanes; lane += 4) {
        for (std::int64_t j = 0; j < done; j += 4) {
          float* to = masks_ + j * lanes + lane;
          transpose_four({row(lane) + j, row(lane + 1) + j, row(lane + 2) + j, row(lane + 3) + j},
                         {to, to + lanes, to + 2 * lanes, to + 3 * lanes}, 1);
        }
      }
    }
#endif
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      const M* from = row(lane);
      for (std::int64_t j = done; j < count; ++j) {
        masks_[j * lanes + lane] = static_cast<float>(from[j * stride]);
      }
    }
  }

  void mix_values(std::int64_t key, std::int64_t count, bool is_first, const Vector* factors) {
    const auto values = rows_of(group_.v, key, count);
    const AdjacentRows layout{values.second};
    if (is_first) {
      multiply_all_rows<vectors>(values.first, layout, group_.value_width(), scores_, count,
                                 outputs_, FromZero{});
    } else {
      multiply_all_rows<vectors>(values.first, layout, group_.value_width(), scores_, count,
                                 outputs_, FromScaled{factors});
    }
  }

  bool divide_by_sums() {
    const Vector zero = hn::Zero(floats32);
    Vector nothing = zero;
    for (int v = 0; v < vectors; ++v) {
      const Vector share = hn::Div(fill(1.0f), seen_.sum[v]);
      for (std::int64_t e = 0; e < group_.value_width(); ++e) {
        float* out = outputs_ + e * lanes + v * lane_count;
        const Vector value = hn::Mul(load(out), share);
        store(value, out);
        nothing = hn::MulAdd(value, zero, nothing);
      }
    }
    return sum_of_lanes(nothing) == 0;
  }

  void scatter_outputs() {
    std::int64_t lane = 0;
#if HWY_TARGET != HWY_SCALAR
    if constexpr (std::is_same_v<T, float>) {
      const std::int64_t width = group_.value_width();
      for (; lane + 4 <= count_ && width % 4 == 0; lane += 4) {
        for (std::int64_t e = 0; e < width; e += 4) {
          const float* from = outputs_ + e * lanes + lane;
          transpose_four({from, from + lanes, from + 2 * lanes, from + 3 * lanes},
                         {out(lane) + e, out(lane + 1) + e, out(lane + 2) + e, out(lane + 3) + e},
                         1);
        }
      }
    }
#endif
    for (; lane < count_; ++lane) {
      T* to = out(lane);
      for (std::int64_t e = 0; e < group_.value_width(); ++e) {
        to[e] = static_cast<T>(outputs_[e * lanes + lane]);
      }
    }
  }

  const AttentionGroup& group_;
  const AttentionState& state_;
  std::int64_t count_;
  float *queries_, *scores_, *masks_, *outputs_, *widened_;
  std::int64_t tokens_[lanes], heads_[lanes];
  KeyRange visible_[lanes];
  std::int64_t first_ = 0, last_ = 0;
  KeyRange seen_by_all_{0, 0};
  Seen<vectors> seen_;
};

template <typename T>
bool attend_tile(const AttentionGroup& group, const AttentionState& state, std::int64_t first,
                 std::int64_t count, float* workspace) {
  if (count <= lane_count) return Tile<1, T>(group, state, first, count, workspace).attend();
  if (count <= 2 * lane_count) return Tile<2, T>(group, state, first, count, workspace).attend();
  return Tile<3, T>(group, state, first, count, workspace).attend();
}

template <typename T>
void run_typed(const Call& call) {
  constexpr std::int64_t query_tile = 3 * lane_count;
  static_assert(query_tile <= query_tile_max);
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const auto& state = call.state<AttentionState>();
  if (call.outputs[0].element_count() == 0 || clear_without_keys(call)) return;
  const std::int64_t groups = k.extents[1], width = q.extents[3], value_width = v.extents[3];
  const std::int64_t queries = q.extents[1] / groups * q.extents[2];
  if (queries <= query_count_few) return attend_few_queries<T>(call);
  const std::int64_t tiles = (queries + query_tile - 1) / query_tile;
  const std::int64_t part =
      tile_floats(width, value_width, call.inputs.size() > 3, !std::is_same_v<T, float>);
  const auto attend = [&](std::int64_t begin, std::int64_t end) {
    float* workspace = static_cast<float*>(call.workspace) + workspace_part(call.threads) * part;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t place = i / tiles, first = i % tiles * query_tile;
      const std::int64_t last = std::min(first + query_tile, queries);
      const AttentionGroup group = attention_group(call, place / groups, place % groups);
      if (attend_tile<T>(group, state, first, last - first, workspace)) continue;
      // Whatever it is, it may only reach the queries that see it.
      for (std::int64_t t = first; t < last; ++t) attend_tile<T>(group, state, t, 1, workspace);
    }
  };
  parallel_ranges(q.extents[0] * groups * tiles,
                  std::min(queries, query_tile) * k.extents[2] * width / lane_count, call.threads,
                  attend);
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

// Few queries need their scores on all keys instead of tiles; their elements fit a tile's.
Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const Dim floats =
      tile_floats(in[0].shape[3], in[2].shape[3], in.size() > 3, in[0].dtype != Dtype::f32) +
      in[1].shape[2] * few_queries;
  return floats * (resources.threads * static_cast<std::int64_t>(sizeof(float)));
}

}  // namespace

Kernel attention_lanes() {
  return {
      .info = simd_info(
          "", "attention",
          {Strides::dense_inner, Strides::dense_inner, Strides::dense_inner, Strides::any}, 0.8),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<AttentionState>,
      .run = PACELINE_BEST_TARGET(run_attention),
  };
}

}  // namespace paceline::kernels::cpu
#endif
