#include <bit>
#include <cstring>
#include <string>

#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/scatter.h"
#include "kernels/cuda/device/gather.h"
#include "kernels/cuda/device/move.h"
#include "kernels/cuda/device/scatter.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/faults.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/rows.h"

namespace paceline::kernels::cuda {
namespace {

using cpu::axes;
using cpu::AxisState;
using cpu::narrowed;

std::int32_t bytes_of(const TensorView& view) {
  return static_cast<std::int32_t>(size_bytes(view.dtype));
}

void move(const Call& call, const TensorView& from, const TensorView& to) {
  launch_move(loop_over<2>({to, from}), bytes_of(from), place_of(call));
  check_launch("movement_cuda");
}

void run_concat(const Call& call) {
  const TensorView& out = call.outputs[0];
  const int axis = axis_of(call.state<AxisState>().axis, out.rank);
  std::int64_t start = 0;
  for (const TensorView& part : call.inputs) {
    move(call, part, narrowed(out, axis, start, part.extents[axis]));
    start += part.extents[axis];
  }
}

struct PadState : Prepared {
  explicit PadState(const Attributes& attributes)
      : low(attributes.get<std::vector<std::int64_t>>("low")),
        value(attributes.get<double>("value")) {}
  std::vector<std::int64_t> low;
  double value;
};

void run_pad(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const PadState& state = call.state<PadState>();
  std::uint64_t bits = 0;
  AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    const T value = cpu::convert<T>(state.value);
    std::memcpy(&bits, &value, sizeof value);
  });
  launch_fill(out.data, out.element_count(), bits, bytes_of(out), place_of(call));
  check_launch("movement_cuda");
  TensorView inside = out;
  for (int axis = 0; axis < x.rank; ++axis) {
    inside = narrowed(inside, axis, state.low[axis], x.extents[axis]);
  }
  move(call, x, inside);
}

struct StartState : Prepared {
  explicit StartState(const Attributes& attributes)
      : start(attributes.get<Dim>("start").evaluate({})) {}
  std::int64_t start;
};

struct UpdateState : StartState {
  explicit UpdateState(const Attributes& attributes)
      : StartState(attributes), axis(attributes.get<std::int64_t>("axis")) {}
  std::int64_t axis;
};

LateStart start_of(const Call& call, std::int64_t value) {
  const bool is_late = call.late != nullptr && call.late->start >= 0;
  return {value, is_late ? call.late->values + call.late->start : nullptr};
}

// In place, when target and output share their address, only the update moves.
void run_update_slice(const Call& call) {
  const TensorView &target = call.inputs[0], &update = call.inputs[1], &out = call.outputs[0];
  const UpdateState& state = call.state<UpdateState>();
  const int axis = axis_of(state.axis, out.rank);
  const std::int64_t extent = update.extents[axis];
  if (call.late == nullptr && (state.start < 0 || state.start + extent > out.extents[axis])) {
    throw invalid("update_slice: [{}, {}) is outside an axis of extent {}", state.start,
                  state.start + extent, out.extents[axis]);
  }
  SliceUpdate of{.to = device_view(out), .late_to = late_view(call, 2), .axis = axis};
  if (target.data != out.data) {
    of.from = device_view(target);
    of.late_from = late_view(call, 0);
    launch_update(of, bytes_of(out), place_of(call));
    check_launch("movement_cuda");
  }
  of.from = device_view(update);
  of.late_from = late_view(call, 1);
  of.start = start_of(call, state.start);
  launch_update(of, bytes_of(out), place_of(call));
  check_launch("movement_cuda");
}

void run_iota(const Call& call) {
  launch_iota(device_view(call.outputs[0]), late_view(call, 0),
              start_of(call, call.state<StartState>().start), place_of(call));
  check_launch("movement_cuda");
}

void gather(const Call& call, const TensorView& data, const TensorView& indices, int axis) {
  launch_gather(loop_over<1>({axes(data, 0, axis)}),
                loop_over<1>({axes(data, axis + 1, data.rank)}),
                {.indices = Walk<1>(loop_over<1>({indices})),
                 .out = call.outputs[0].data,
                 .step = data.strides[axis],
                 .extent = data.extents[axis],
                 .is_wide = indices.dtype == Dtype::i64},
                bytes_of(data), place_of(call));
  check_launch("movement_cuda");
}

void run_gather(const Call& call) {
  const TensorView& data = call.inputs[0];
  gather(call, data, call.inputs[1], axis_of(call.state<AxisState>().axis, data.rank));
}

void run_embedding(const Call& call) { gather(call, call.inputs[1], call.inputs[0], 0); }

void run_gather_elements(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &out = call.outputs[0];
  const int axis = axis_of(call.state<AxisState>().axis, data.rank);
  if (indices.element_count() > 0) cpu::expect_within("gather_elements", indices, data, axis);
  launch_gather_elements(
      {.places = Walk<3>(loop_over<3>({out, indices, cpu::beside(data, indices, axis)})),
       .step = data.strides[axis],
       .extent = data.extents[axis],
       .is_wide = indices.dtype == Dtype::i64},
      bytes_of(data), place_of(call));
  check_launch("movement_cuda");
}

struct TupleState : Prepared {
  explicit TupleState(const Attributes& attributes)
      : batch_dims(static_cast<int>(attributes.get<std::int64_t>("batch_dims"))) {}
  int batch_dims;
};

void run_gather_nd(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1];
  const int batches = call.state<TupleState>().batch_dims, last = indices.rank - 1;
  const auto depth = static_cast<int>(indices.extents[last]);
  TensorView sources = axes(indices, 0, last);
  sources.data = data.data;
  for (int axis = 0; axis < last; ++axis) {
    sources.strides[axis] = axis < batches ? data.strides[axis] : 0;
  }
  TupleGather of{
      .tuples = Walk<2>(loop_over<2>({axes(indices, 0, last), sources})),
      .slice = Walk<1>(loop_over<1>({axes(data, batches + depth, data.rank)})),
      .out = call.outputs[0].data,
      .depth = depth,
      .index_step = indices.strides[last],
      .is_wide = indices.dtype == Dtype::i64,
  };
  for (int i = 0; i < depth; ++i) {
    of.steps[i] = data.strides[batches + i];
    of.extents[i] = data.extents[batches + i];
  }
  launch_gather_nd(of, bytes_of(data), place_of(call));
  check_launch("movement_cuda");
}

Scatter scatter_of(cpu::Reduction reduction) {
  static_assert(static_cast<int>(Scatter::min) == static_cast<int>(cpu::Reduction::min));
  return static_cast<Scatter>(reduction);
}

struct ScatterState : Prepared {
  explicit ScatterState(const Attributes& attributes)
      : reduction(scatter_of(cpu::reduction_of(attributes))) {}
  Scatter reduction;
};

struct ScatterElementsState : AxisState {
  explicit ScatterElementsState(const Attributes& attributes)
      : AxisState(attributes), reduction(scatter_of(cpu::reduction_of(attributes))) {}
  Scatter reduction;
};

void run_scatter_elements(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &updates = call.inputs[2],
                   &out = call.outputs[0];
  const auto& state = call.state<ScatterElementsState>();
  const int axis = axis_of(state.axis, data.rank);
  if (indices.element_count() > 0) cpu::expect_within("scatter_elements", indices, data, axis);
  if (data.data != out.data) move(call, data, out);
  const TensorView targets = cpu::beside(out, indices, axis);
  ElementScatter of{
      .lanes = Walk<3>(loop_over<3>(
          {without_axis(indices, axis), without_axis(updates, axis), without_axis(targets, axis)})),
      .count = indices.extents[axis],
      .extent = out.extents[axis],
      .is_wide = indices.dtype == Dtype::i64,
      .reduction = state.reduction,
  };
  of.steps[0] = indices.strides[axis];
  of.steps[1] = updates.strides[axis];
  of.steps[2] = out.strides[axis];
  launch_scatter_elements(of, element_of(out.dtype), place_of(call));
  check_launch("movement_cuda");
}

void run_scatter_nd(const Call& call) {
  const TensorView &data = call.inputs[0], &indices = call.inputs[1], &updates = call.inputs[2],
                   &out = call.outputs[0];
  if (data.data != out.data) move(call, data, out);
  const int last = indices.rank - 1;
  const auto depth = static_cast<int>(indices.extents[last]);
  TupleScatter of{
      .tuples = Walk<2>(loop_over<2>({axes(indices, 0, last), axes(updates, 0, last)})),
      .slice =
          Walk<2>(loop_over<2>({axes(updates, last, updates.rank), axes(out, depth, out.rank)})),
      .out = out.data,
      .depth = depth,
      .index_step = indices.strides[last],
      .is_wide = indices.dtype == Dtype::i64,
      .reduction = call.state<ScatterState>().reduction,
  };
  for (int i = 0; i < depth; ++i) {
    of.steps[i] = out.strides[i];
    of.extents[i] = out.extents[i];
  }
  launch_scatter_nd(of, element_of(out.dtype), place_of(call));
  check_launch("movement_cuda");
}

template <typename State>
Kernel kernel_of(const char* op, std::vector<Dtype> dtypes, void (*run)(const Call&),
                 std::vector<Strides> strides = {Strides::any}) {
  Kernel kernel = named(any_info(op, std::move(dtypes), std::move(strides), Precision::exact, 0.6));
  if constexpr (!std::is_void_v<State>) kernel.prepare = prepare<State>;
  kernel.run = run;
  return kernel;
}

}  // namespace

std::vector<Kernel> movement_cuda() {
  const auto all = AllDtypes::list();
  const std::vector<Strides> first_dense = {Strides::dense, Strides::any};
  std::vector<Kernel> kernels = {
      kernel_of<AxisState>("concat", all, run_concat),
      kernel_of<PadState>("pad", all, run_pad),
      kernel_of<UpdateState>("update_slice", all, run_update_slice, first_dense),
      kernel_of<StartState>("iota", Numbers::list(), run_iota),
      kernel_of<AxisState>("gather", all, run_gather),
      kernel_of<void>("embedding", Indices::list(), run_embedding),
      kernel_of<AxisState>("gather_elements", all, run_gather_elements),
      kernel_of<TupleState>("gather_nd", all, run_gather_nd),
      kernel_of<ScatterElementsState>("scatter_elements", all, run_scatter_elements, first_dense),
      kernel_of<ScatterState>("scatter_nd", all, run_scatter_nd, first_dense),
  };
  for (Kernel& kernel : kernels) {
    kernel.takes_late_dims = kernel.info.op == "update_slice" || kernel.info.op == "iota";
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
