#include "common/ops/channel_blocks.h"
#include "kernels/cpu/support/blocked_call.h"
#include "kernels/cpu/support/pools.h"
#include "kernels/cpu/support/winograd_blocked.h"
#include "kernels/cuda/device/blocked.h"
#include "kernels/cuda/device/convolution.h"
#include "kernels/cuda/device/pooling.h"
#include "kernels/cuda/device/winograd.h"
#include "kernels/cuda/support/convolution_call.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/faults.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"

namespace paceline::kernels::cuda {
namespace {

void convolve(const Call& call, Convolution of, const cpu::ConvolutionState& state) {
  const TensorView weight = as_volume(call.inputs[1]);
  set_axes(of.axes, state, as_volume(call.inputs[0]), cpu::spatial_extents(weight),
           as_volume(call.outputs[0]));
  of.groups = state.groups;
  launch_convolution(of, place_of(call));
  check_launch("windows_cuda");
}

void run_conv(const Call& call) {
  convolve(call, convolution_of(call, 2), call.state<cpu::ConvolutionState>());
}

void run_conv_activation(const Call& call) {
  const auto& state = call.state<cpu::FinishedConvolutionState>();
  Convolution of = convolution_of(call, 2);
  of.finish = finish_of(state.activation);
  convolve(call, of, state);
}

void run_conv_residual(const Call& call) {
  const auto& state = call.state<cpu::FinishedConvolutionState>();
  Convolution of = convolution_of(call, 3);
  of.residual = device_view(as_volume(call.inputs[2]));
  of.finish = finish_of(state.activation);
  convolve(call, of, state);
}

void run_conv_transpose(const Call& call) {
  const auto& state = call.state<cpu::ConvolutionState>();
  Convolution of = convolution_of(call, 2);
  const TensorView weight = as_volume(call.inputs[1]);
  set_axes(of.axes, state, as_volume(call.outputs[0]), cpu::spatial_extents(weight),
           as_volume(call.inputs[0]));
  of.groups = state.groups;
  launch_transposed_convolution(of, place_of(call));
  check_launch("windows_cuda");
}

void run_conv_winograd(const Call& call) {
  const auto& state = call.state<cpu::WinogradState>();
  Convolution of = convolution_of(call, 2);
  of.weight = device_view(call.inputs[1]);
  set_axes(of.axes, state, as_volume(call.inputs[0]), {1, 3, 3}, as_volume(call.outputs[0]));
  of.finish = finish_of(state.activation);
  launch_winograd(of, place_of(call));
  check_launch("windows_cuda");
}

void run_winograd_filter(const Call& call) {
  launch_winograd_filter(device_view(call.inputs[0]), device_view(call.outputs[0]), place_of(call));
  check_launch("windows_cuda");
}

// Fields do not depend on the element type.
template <typename Found>
BlockedConvolution blocked_of(const Call& call, const Found& found) {
  return {.dtype = element_of(call.inputs[0].dtype),
          .x = found.x,
          .filters = found.filters,
          .bias = found.bias,
          .out = found.out,
          .batches = found.batches,
          .depth = found.depth,
          .rows = found.rows,
          .down = window_axis(found.down),
          .across = window_axis(found.across),
          .finish = finish_of(found.activation)};
}

void run_blocked(const Call& call) {
  const auto found = cpu::blocked_call<float>(call);
  BlockedConvolution of = blocked_of(call, found);
  static_assert(static_cast<int>(BlockedForm::plain) == static_cast<int>(cpu::BlockedForm::plain));
  of.form = static_cast<BlockedForm>(found.form);
  of.residual = found.residual;
  launch_blocked(of, place_of(call));
  check_launch("windows_cuda");
}

void run_winograd_blocked(const Call& call) {
  launch_winograd_blocked(blocked_of(call, cpu::WinogradBlocks<float>(call)), place_of(call));
  check_launch("windows_cuda");
}

ChannelBlocks channel_blocks_of(const Call& call, const TensorView& plain) {
  return {call.inputs[0].data, call.outputs[0].data, plain.extents[0], plain.extents[1],
          plain.extents[2] * plain.extents[3]};
}

std::int32_t bytes_of(const Call& call) {
  return static_cast<std::int32_t>(size_bytes(call.inputs[0].dtype));
}

void run_pack_channels(const Call& call) {
  launch_pack_channels(channel_blocks_of(call, call.inputs[0]), bytes_of(call), place_of(call));
  check_launch("windows_cuda");
}

void run_unpack_channels(const Call& call) {
  launch_unpack_channels(channel_blocks_of(call, call.outputs[0]), bytes_of(call), place_of(call));
  check_launch("windows_cuda");
}

struct AverageState : cpu::PoolState {
  explicit AverageState(const Attributes& attributes)
      : PoolState(attributes), counts_pads(attributes.get<bool>("count_include_pad")) {}
  bool counts_pads;
};
struct IndexState : cpu::PoolState {
  explicit IndexState(const Attributes& attributes)
      : PoolState(attributes), column_major(attributes.get<bool>("column_major")) {}
  bool column_major;
};

void pool(const Call& call, Pooling of, const cpu::PoolState& state) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  of.x = device_view(x);
  of.out = device_view(out);
  set_axes(of.axes, state, x, state.kernel, out);
  launch_pooling(of, place_of(call));
  check_launch("windows_cuda");
}

void run_average_pool(const Call& call) {
  const auto& state = call.state<AverageState>();
  pool(call, {.pool = Pool::average, .counts_pads = state.counts_pads}, state);
}
void run_max_pool(const Call& call) {
  pool(call, {.pool = Pool::max}, call.state<cpu::PoolState>());
}
void run_max_pool_index(const Call& call) {
  const auto& state = call.state<IndexState>();
  pool(call, {.pool = Pool::index, .is_column_major = state.column_major}, state);
}

template <typename State>
Kernel kernel_of(const char* op, void (*run)(const Call&), Strides strides = Strides::any,
                 std::vector<Dtype> dtypes = Floats::list()) {
  Kernel kernel = named(any_info(op, std::move(dtypes), {strides}, Precision::reorders, 0.05));
  if constexpr (!std::is_void_v<State>) kernel.prepare = prepare<State>;
  kernel.run = run;
  return kernel;
}

}  // namespace

std::vector<Kernel> windows_cuda() {
  using Finished = cpu::FinishedConvolutionState;
  const auto numbers = Numbers::list();
  return {
      kernel_of<cpu::ConvolutionState>("conv", run_conv),
      kernel_of<Finished>("conv_activation", run_conv_activation),
      kernel_of<Finished>("conv_residual", run_conv_residual),
      kernel_of<cpu::ConvolutionState>("conv_transpose", run_conv_transpose),
      kernel_of<cpu::WinogradState>("conv_winograd", run_conv_winograd),
      kernel_of<void>("winograd_filter", run_winograd_filter),
      kernel_of<cpu::BlockedState>("conv_blocked", run_blocked, Strides::dense),
      kernel_of<cpu::BlockedState>("conv_blocked_residual", run_blocked, Strides::dense),
      kernel_of<cpu::WinogradState>("conv_winograd_blocked", run_winograd_blocked, Strides::dense),
      kernel_of<void>("pack_channels", run_pack_channels, Strides::dense),
      kernel_of<void>("unpack_channels", run_unpack_channels, Strides::dense),
      kernel_of<AverageState>("average_pool", run_average_pool),
      kernel_of<cpu::PoolState>("max_pool", run_max_pool, Strides::any, numbers),
      kernel_of<IndexState>("max_pool_index", run_max_pool_index, Strides::any, numbers),
  };
}

}  // namespace paceline::kernels::cuda
