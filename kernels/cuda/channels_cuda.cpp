#include <cstring>

#include "common/ops/resize_taps.h"
#include "kernels/cpu/support/convert.h"
#include "kernels/cpu/support/plain.h"
#include "kernels/cuda/device/channel_norms.h"
#include "kernels/cuda/support/device_array.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/rows.h"

namespace paceline::kernels::cuda {
namespace {

using cpu::axes;

struct GroupState : Prepared {
  explicit GroupState(const Attributes& attributes)
      : epsilon(attributes.get<double>("epsilon")),
        groups(attributes.get<std::int64_t>("groups")) {}
  double epsilon;
  std::int64_t groups;
};

// [B,groups]: where each group begins.
TensorView groups_of(const TensorView& view, std::int64_t groups) {
  TensorView starts = axes(view, 0, 2);
  starts.extents[1] = groups;
  starts.strides[1] *= view.extents[1] / groups;
  return starts;
}

// [channels of a group, spatial...]
TensorView group_of(const TensorView& view, std::int64_t groups) {
  TensorView group = axes(view, 1, view.rank);
  group.extents[0] /= groups;
  return group;
}

void run_group_norm(const Call& call) {
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &bias = call.inputs[2],
                   &out = call.outputs[0];
  const auto& state = call.state<GroupState>();
  if (x.element_count() == 0) return;
  GroupNorm of{
      .groups = Walk<2>(loop_over<2>({groups_of(x, state.groups), groups_of(out, state.groups)})),
      .group = Walk<2>(loop_over<2>({group_of(x, state.groups), group_of(out, state.groups)})),
      .groups_each = state.groups,
      .channels = x.extents[1] / state.groups,
      .pixels = x.element_count() / (x.extents[0] * x.extents[1]),
      .weight = weight.data,
      .bias = bias.data,
      .weight_step = weight.strides[0],
      .bias_step = bias.strides[0],
      .epsilon = state.epsilon,
  };
  launch_group_norm(of, element_of(x.dtype), place_of(call));
  check_launch("channels_cuda");
}

struct BatchState : Prepared {
  explicit BatchState(const Attributes& attributes) : epsilon(attributes.get<double>("epsilon")) {}
  double epsilon;
};

void run_batch_norm(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const auto of_channels = [&](std::size_t input) {
    TensorView wide = x;
    wide.data = call.inputs[input].data;
    for (int axis = 0; axis < x.rank; ++axis) wide.strides[axis] = 0;
    wide.strides[1] = call.inputs[input].strides[0];
    return wide;
  };
  launch_batch_norm(
      loop_over<6>({out, x, of_channels(1), of_channels(2), of_channels(3), of_channels(4)}),
      call.state<BatchState>().epsilon, element_of(x.dtype), place_of(call));
  check_launch("channels_cuda");
}

struct ResizeState : cpu::AxisState {
  explicit ResizeState(const Attributes& attributes)
      : AxisState(attributes),
        attributes(attributes),
        extrapolation(attributes.get<double>("extrapolation")) {}
  Attributes attributes;
  double extrapolation;
  std::int64_t from = -1, to = -1, width = 0;
  DeviceArray<std::int64_t> places;
  DeviceArray<double> weights;
  DeviceArray<std::uint8_t> is_outside;
};

void bind_resize(const Call& call) {
  auto& state = call.state<ResizeState>();
  const int axis = axis_of(state.axis, call.inputs[0].rank);
  const std::int64_t from = call.inputs[0].extents[axis], to = call.outputs[0].extents[axis];
  if (from == state.from && to == state.to) return;
  const ops::ResizeTaps taps = ops::resize_taps(state.attributes, from, to);
  state.width = taps.width;
  state.places = DeviceArray<std::int64_t>(taps.places);
  state.weights = DeviceArray<double>(taps.weights);
  state.is_outside = DeviceArray<std::uint8_t>(
      std::vector<std::uint8_t>(taps.is_outside.begin(), taps.is_outside.end()));
  state.from = from;
  state.to = to;
}

void run_resize(const Call& call) {
  const TensorView &x = call.inputs[0], &out = call.outputs[0];
  const auto& state = call.state<ResizeState>();
  const int axis = axis_of(state.axis, x.rank);
  Resize of{.outer = Walk<1>(loop_over<1>({axes(x, 0, axis)})),
            .inner = Walk<1>(loop_over<1>({axes(x, axis + 1, x.rank)})),
            .out = out.data,
            .extent = out.extents[axis],
            .step = x.strides[axis],
            .width = state.width,
            .places = state.places.data(),
            .weights = state.weights.data(),
            .is_outside = state.is_outside.data()};
  AllDtypes::visit(out.dtype, [&]<typename T>(std::type_identity<T>) {
    const T value = cpu::convert<T>(state.extrapolation);
    std::memcpy(&of.outside_bits, &value, sizeof value);
  });
  launch_resize(of, element_of(x.dtype), place_of(call));
  check_launch("channels_cuda");
}

template <typename State>
Kernel kernel_of(const char* op, std::vector<Dtype> dtypes, void (*run)(const Call&)) {
  Kernel kernel = named(any_info(op, std::move(dtypes), {Strides::any}, Precision::reorders, 0.4));
  kernel.prepare = prepare<State>;
  kernel.run = run;
  return kernel;
}

}  // namespace

std::vector<Kernel> channels_cuda() {
  Kernel resize = kernel_of<ResizeState>("resize", AllDtypes::list(), run_resize);
  resize.bind = bind_resize;
  return {
      kernel_of<GroupState>("group_norm", Floats::list(), run_group_norm),
      kernel_of<BatchState>("batch_norm", Floats::list(), run_batch_norm),
      std::move(resize),
  };
}

}  // namespace paceline::kernels::cuda
