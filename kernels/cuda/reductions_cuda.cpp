#include "common/graph/shape.h"
#include "kernels/cpu/support/arg_extremum.h"
#include "kernels/cpu/support/reduction.h"
#include "kernels/cuda/device/extremum.h"
#include "kernels/cuda/device/reduce.h"
#include "kernels/cuda/support/device_array.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/rows.h"

namespace paceline::kernels::cuda {
namespace {

template <Fold fold>
void run_reduction(const Call& call) {
  const TensorView& x = call.inputs[0];
  const bool chooses = fold == Fold::largest || fold == Fold::least;
  if (chooses && is_integer(x.dtype) && x.element_count() == 0 &&
      call.outputs[0].element_count() > 0) {
    throw invalid("{}: no integers to choose from: {}",
                  fold == Fold::largest ? "reduce_max" : "reduce_min", to_string(x.shape()));
  }
  const cpu::ReductionViews views(x, call.outputs[0], call.state<cpu::ReductionState>());
  const Loop<1> reduced = loop_over<1>({views.reduced});
  launch_reduction({.kept = Walk<2>(loop_over<2>({views.kept, views.out})),
                    .reduced = Walk<1>(reduced),
                    .fold = fold,
                    .is_contiguous = reduced.rank == 0 || reduced.strides[0][0] == 1,
                    .workspace = call.workspace},
                   element_of(x.dtype), place_of(call));
  check_launch("reductions_cuda");
}

struct ExtremumState : cpu::ArgExtremumState {
  using cpu::ArgExtremumState::ArgExtremumState;
  DeviceArray<std::uint32_t> tickets;
};

void bind_extremum(const Call& call) {
  auto& tickets = call.state<ExtremumState>().tickets;
  if (tickets.data() != nullptr) return;
  tickets = DeviceArray<std::uint32_t>(std::vector<std::uint32_t>(extremum_tickets));
}

template <bool is_largest>
void run_extremum(const Call& call) {
  const auto& state = call.state<ExtremumState>();
  const TensorView& x = call.inputs[0];
  const int axis = axis_of(state.axis, x.rank);
  const TensorView out = state.keep_dims ? call.outputs[0] : cpu::with_axis(call.outputs[0], axis);
  if (x.extents[axis] == 0 && out.element_count() > 0) {
    throw invalid("{}: no elements to choose from: axis of extent {}",
                  is_largest ? "argmax" : "argmin", 0);
  }
  launch_extremum({.kept = Walk<2>(loop_over<2>({without_axis(x, axis), without_axis(out, axis)})),
                   .width = x.extents[axis],
                   .step = x.strides[axis],
                   .is_largest = is_largest,
                   .workspace = call.workspace,
                   .tickets = state.tickets.data()},
                  element_of(x.dtype), place_of(call));
  check_launch("reductions_cuda");
}

void run_cumsum(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const int axis = axis_of(call.state<cpu::AxisState>().axis, x.rank);
  launch_cumsum({.lanes = Walk<2>(loop_over<2>({without_axis(x, axis), without_axis(out, axis)})),
                 .width = x.extents[axis],
                 .x_step = x.strides[axis],
                 .out_step = out.strides[axis]},
                element_of(x.dtype), place_of(call));
  check_launch("reductions_cuda");
}

void run_top_k(const Call& call) {
  const TensorView &x = call.inputs[0], &values = call.outputs[0], &indices = call.outputs[1];
  const int axis = axis_of(call.state<cpu::AxisState>().axis, x.rank);
  TopK top{.lanes = Walk<3>(loop_over<3>(
               {without_axis(x, axis), without_axis(values, axis), without_axis(indices, axis)})),
           .width = x.extents[axis],
           .k = values.extents[axis],
           .workspace = call.workspace};
  top.steps[0] = x.strides[axis];
  top.steps[1] = values.strides[axis];
  top.steps[2] = indices.strides[axis];
  launch_top_k(top, element_of(x.dtype), place_of(call));
  check_launch("reductions_cuda");
}

// The places of what each part of a lane puts forward.
Dim top_k_workspace(const OpInputs& in, const Resources&) {
  const Shape& x = in[0].shape;
  const int axis = axis_of(in.attributes.get<std::int64_t>("axis"), static_cast<int>(x.size()));
  const auto width = x[axis].constant();
  if (width && *width < long_lane) return 0;
  Dim lanes = 1;
  for (int i = 0; i < static_cast<int>(x.size()); ++i) {
    if (i != axis) lanes *= x[i];
  }
  return lanes * (in.attributes.get<std::int64_t>("k") * top_k_parts * 8);
}

template <typename State>
Kernel kernel_of(const char* op, void (*run)(const Call&), bool in_parts = false) {
  Kernel kernel = named(any_info(op, Numbers::list(), {Strides::any}, Precision::reorders, 0.7));
  kernel.prepare = prepare<State>;
  kernel.run = run;
  if (in_parts) {
    kernel.workspace_bytes = [](const OpInputs&, const Resources&) {
      return Dim(reduction_workspace_bytes);
    };
  }
  return kernel;
}

Kernel with_tickets(const char* op, void (*run)(const Call&)) {
  Kernel kernel = kernel_of<ExtremumState>(op, run, true);
  kernel.bind = bind_extremum;
  return kernel;
}

}  // namespace

std::vector<Kernel> reductions_cuda() {
  using cpu::ReductionState;
  Kernel top_k = kernel_of<cpu::AxisState>("top_k", run_top_k);
  top_k.workspace_bytes = top_k_workspace;
  return {
      kernel_of<ReductionState>("reduce_sum", run_reduction<Fold::sum>, true),
      kernel_of<ReductionState>("reduce_prod", run_reduction<Fold::product>, true),
      kernel_of<ReductionState>("reduce_max", run_reduction<Fold::largest>, true),
      kernel_of<ReductionState>("reduce_min", run_reduction<Fold::least>, true),
      with_tickets("argmax", run_extremum<true>),
      with_tickets("argmin", run_extremum<false>),
      kernel_of<cpu::AxisState>("cumsum", run_cumsum),
      std::move(top_k),
  };
}

}  // namespace paceline::kernels::cuda
