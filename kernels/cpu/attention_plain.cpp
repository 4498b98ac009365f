#include <algorithm>
#include <cmath>

#include "kernels/cpu/support/attention.h"
#include "kernels/cpu/support/matrix.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cpu/support/softmax.h"
#include "kernels/cpu/support/views.h"

// One query at a time: its scores, their softmax, the weighted sum of the values. Keys that causal
// and window leave out are never touched.
namespace paceline::kernels::cpu {
namespace {

template <typename T>
void compute_scores(const AttentionState& state, const Lane<const T>& query,
                    const Matrix<const T>& keys, const Lane<Compute<T>>& scores) {
  const auto scale = static_cast<Compute<T>>(state.scale);
  const auto cap = static_cast<Compute<T>>(state.softcap);
  for (std::int64_t j = 0; j < scores.count; ++j) {
    scores[j] = dot(query, keys.row(j)) * scale;
    if (cap > 0) scores[j] = cap * std::tanh(scores[j] / cap);
  }
}

// out = the softmax of `scores` times the rows of `values`; NaN when no key is left. `sums` has
// room for one row.
template <typename T>
void mix_values(const Lane<Compute<T>>& scores, const Matrix<const T>& values, Compute<T>* sums,
                const Lane<T>& out) {
  using C = Compute<T>;
  const Lane<const C> read{scores.data, scores.stride, scores.count};
  const C shift = largest(read);
  double total = 0;
  std::fill_n(sums, out.count, C{0});
  for (std::int64_t j = 0; j < scores.count; ++j) {
    const C weight = std::exp(scores[j] - shift);
    const Lane<const T> row = values.row(j);
    total += weight;
    for (std::int64_t e = 0; e < out.count; ++e) sums[e] += weight * widen(row[e]);
  }
  for (std::int64_t e = 0; e < out.count; ++e) {
    out[e] = static_cast<T>(static_cast<C>(sums[e] / total));
  }
}

// The last two axes of [B,H,N,D] at batch b and head h.
template <typename T>
Matrix<T> head_of(const TensorView& view, std::int64_t b, std::int64_t h) {
  return matrix_of<T>(view, address(at(view, b * view.strides[0] + h * view.strides[1])));
}

template <typename T>
struct Head {
  Matrix<const T> queries, keys, values;
  Matrix<T> out;
  const TensorView* mask;  // [N,L], or null.
};

template <typename T>
void attend(const Head<T>& head, const AttentionState& state, Compute<T>* workspace) {
  const std::int64_t key_count = head.keys.rows;
  Compute<T>* sums = workspace + key_count;
  for (std::int64_t i = 0; i < head.queries.rows; ++i) {
    const KeyRange range = visible_keys(state, i + key_count - head.queries.rows, key_count);
    const Lane<Compute<T>> scores{workspace, 1, range.count()};
    const auto below = [&](Matrix<const T> matrix) {
      matrix.data += range.first * matrix.row_stride;
      return matrix;
    };
    compute_scores(state, head.queries.row(i), below(head.keys), scores);
    if (head.mask != nullptr) {
      const std::int64_t first = i * head.mask->strides[0] + range.first * head.mask->strides[1];
      apply_mask(axes(at(*head.mask, first), 1, 2), scores);
    }
    mix_values<T>(scores, below(head.values), sums, head.out.row(i));
  }
}

template <typename T>
void run_typed(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const bool has_mask = call.inputs.size() > 3;
  const TensorView mask = has_mask ? broadcast_mask(call.inputs[3], q, k) : TensorView{};
  const std::int64_t group = q.extents[1] / k.extents[1];
  for (std::int64_t b = 0; b < q.extents[0]; ++b) {
    for (std::int64_t h = 0; h < q.extents[1]; ++h) {
      const TensorView head_mask = axes(at(mask, b * mask.strides[0] + h * mask.strides[1]), 2, 4);
      attend<T>({head_of<const T>(q, b, h), head_of<const T>(k, b, h / group),
                 head_of<const T>(v, b, h / group), head_of<T>(call.outputs[0], b, h),
                 has_mask ? &head_mask : nullptr},
                call.state<AttentionState>(), static_cast<Compute<T>*>(call.workspace));
    }
  }
}

void run(const Call& call) {
  if (clear_without_keys(call)) return;
  Floats::visit(call.inputs[0].dtype,
                [&]<typename T>(std::type_identity<T>) { run_typed<T>(call); });
}

// The scores of one query and one row of sums.
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  return (in[1].shape[2] + in[2].shape[3]) * static_cast<std::int64_t>(sizeof(double));
}

}  // namespace

Kernel attention_plain() {
  return {
      .info = plain_info("attention", Floats::list(), {Strides::any}, Precision::reorders, 0.03),
      .workspace_bytes = workspace_bytes,
      .prepare = prepare<AttentionState>,
      .run = run,
  };
}

}  // namespace paceline::kernels::cpu
