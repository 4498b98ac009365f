#include "kernels/cuda/device/head_append.h"

#include "common/base/error.h"
#include "kernels/cuda/device/move.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/views.h"

// Queries, keys and values of a decoder's layer to where attention wants them, in one pass. Where
// an output is not its state itself, the state is copied first.
namespace paceline::kernels::cuda {
namespace {

struct HeadAppendState : Prepared {
  explicit HeadAppendState(const Attributes& attributes)
      : start(attributes.get<Dim>("start").evaluate({})),
        epsilon(attributes.get<double>("epsilon")),
        weight_offset(attributes.get<double>("weight_offset")),
        is_interleaved(attributes.get<bool>("interleaved")) {}
  std::int64_t start;
  double epsilon, weight_offset;
  bool is_interleaved;
};

// Of B and N.
void set_strides(const TensorView& view, std::int64_t (&strides)[2]) {
  strides[0] = view.strides[0];
  strides[1] = view.strides[1];
}

HeadAppend append_of(const Call& call) {
  const TensorView &q = call.inputs[0], &k = call.inputs[1], &v = call.inputs[2];
  const TensorView &cosines = call.inputs[3], &keys = call.outputs[1], &values = call.outputs[2];
  const auto& state = call.state<HeadAppendState>();
  const bool is_late = call.late != nullptr && call.late->start >= 0;
  const bool has_norms = call.inputs.size() > 7;
  HeadAppend of{
      .dtype = element_of(q.dtype),
      .batch = q.extents[0],
      .positions = q.extents[1],
      .heads = call.outputs[0].extents[1],
      .groups = keys.extents[1],
      .capacity = keys.extents[2],
      .width = keys.extents[3],
      .value_width = values.extents[3],
      .pairs = cosines.extents[1],
      .q = q.data,
      .k = k.data,
      .v = v.data,
      .cosines = cosines.data,
      .sines = call.inputs[4].data,
      .q_norm = has_norms ? call.inputs[7].data : nullptr,
      .k_norm = has_norms ? call.inputs[8].data : nullptr,
      .epsilon = state.epsilon,
      .weight_offset = state.weight_offset,
      .is_interleaved = state.is_interleaved,
      .q_out = call.outputs[0].data,
      .keys = keys.data,
      .values = values.data,
      .start = {state.start, is_late ? call.late->values + call.late->start : nullptr},
  };
  set_strides(q, of.q_strides);
  set_strides(k, of.k_strides);
  set_strides(v, of.v_strides);
  if (call.late != nullptr) {
    of.late = call.late->values;
    of.late_q = call.late->offsets[0];
    of.late_k = call.late->offsets[1];
    of.late_v = call.late->offsets[2];
    of.late_cosines = call.late->offsets[3];
    of.late_sines = call.late->offsets[4];
  }
  return of;
}

void run(const Call& call) {
  const HeadAppend of = append_of(call);
  if (of.start.late == nullptr &&
      (of.start.value < 0 || of.start.value + of.positions > of.capacity)) {
    throw invalid("head_append: [{}, {}) is outside {} positions", of.start.value,
                  of.start.value + of.positions, of.capacity);
  }
  for (int i = 1; i <= 2; ++i) {
    const TensorView &state = call.inputs[4 + i], &out = call.outputs[i];
    if (state.data == out.data) continue;
    launch_move(loop_over<2>({out, state}), static_cast<std::int32_t>(size_bytes(out.dtype)),
                place_of(call));
    check_launch("head_append_cuda");
  }
  launch_head_append(of, place_of(call));
  check_launch("head_append_cuda");
}

}  // namespace

Kernel head_append_cuda() {
  using enum Strides;
  return {
      .info =
          any_info("head_append", Floats::list(), {dense_inner, dense_inner, dense_inner, dense},
                   Precision::approximates, 0.9),
      .prepare = prepare<HeadAppendState>,
      .run = run,
      .takes_late_dims = true,
  };
}

}  // namespace paceline::kernels::cuda
