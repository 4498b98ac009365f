#include "kernels/cpu/support/norms.h"
#include "kernels/cuda/device/norm.h"
#include "kernels/cuda/device/rope.h"
#include "kernels/cuda/device/softmax.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/rows.h"

namespace paceline::kernels::cuda {
namespace {

void launch_softmax_of(const Call& call, bool is_log) {
  const TensorView& x = call.inputs[0];
  const int axis = axis_of(call.state<cpu::AxisState>().axis, x.rank);
  auto rows = rows_along<SoftmaxRows, 2>({x, call.outputs[0]}, axis);
  rows.is_log = is_log;
  launch_softmax(rows, element_of(x.dtype), place_of(call));
  check_launch("rows_cuda");
}
void run_softmax(const Call& call) { launch_softmax_of(call, false); }
void run_log_softmax(const Call& call) { launch_softmax_of(call, true); }

// Operands of the norm, which come from input `vectors` on.
NormRows norm_rows(const Call& call, std::size_t vectors) {
  const bool adds = vectors == 2;
  const TensorView& x = call.inputs[0];
  auto rows = rows_along<NormRows, 4>(
      {x, adds ? call.inputs[1] : x, call.outputs[0], call.outputs[adds ? 1 : 0]}, x.rank - 1);
  rows.adds = adds;
  rows.weight = call.inputs[vectors].data;
  rows.weight_step = call.inputs[vectors].strides[0];
  return rows;
}

template <std::size_t vectors>
void run_rms_norm(const Call& call) {
  NormRows rows = norm_rows(call, vectors);
  const auto& norm = call.state<cpu::RmsNorm>();
  rows.epsilon = norm.epsilon;
  rows.weight_offset = norm.weight_offset;
  launch_norm(rows, element_of(call.inputs[0].dtype), place_of(call));
  check_launch("rows_cuda");
}

template <std::size_t vectors>
void run_layer_norm(const Call& call) {
  NormRows rows = norm_rows(call, vectors);
  rows.is_layer = true;
  rows.epsilon = call.state<cpu::LayerNorm>().epsilon;
  rows.bias = call.inputs[vectors + 1].data;
  rows.bias_step = call.inputs[vectors + 1].strides[0];
  launch_norm(rows, element_of(call.inputs[0].dtype), place_of(call));
  check_launch("rows_cuda");
}

struct RopeState : Prepared {
  explicit RopeState(const Attributes& attributes)
      : is_interleaved(attributes.get<bool>("interleaved")) {}
  bool is_interleaved;
};

void run_rope(const Call& call) {
  const TensorView &x = call.inputs[0], &cosines = call.inputs[1], &sines = call.inputs[2];
  const int last = x.rank - 1;
  const TensorView places = cpu::axes(x, 0, last);
  RopeRows rows;
  rows.rows = Walk<4>(loop_over<4>({places, cpu::broadcast_to(cpu::axes(cosines, 0, 1), places),
                                    cpu::broadcast_to(cpu::axes(sines, 0, 1), places),
                                    cpu::axes(call.outputs[0], 0, last)}));
  rows.width = x.extents[last];
  rows.pairs = cosines.extents[1];
  rows.is_interleaved = call.state<RopeState>().is_interleaved;
  rows.steps[0] = x.strides[last];
  rows.steps[1] = cosines.strides[1];
  rows.steps[2] = sines.strides[1];
  rows.steps[3] = call.outputs[0].strides[last];
  launch_rope(rows, element_of(x.dtype), place_of(call));
  check_launch("rows_cuda");
}

template <typename State>
Kernel kernel_of(const char* op, void (*run)(const Call&)) {
  Kernel kernel = named(any_info(op, Floats::list(), {Strides::any}, Precision::approximates, 0.9));
  kernel.prepare = prepare<State>;
  kernel.run = run;
  return kernel;
}

}  // namespace

std::vector<Kernel> rows_cuda() {
  return {
      kernel_of<cpu::AxisState>("softmax", run_softmax),
      kernel_of<cpu::AxisState>("log_softmax", run_log_softmax),
      kernel_of<cpu::RmsNorm>("rms_norm", run_rms_norm<1>),
      kernel_of<cpu::LayerNorm>("layer_norm", run_layer_norm<1>),
      kernel_of<cpu::RmsNorm>("add_rms_norm", run_rms_norm<2>),
      kernel_of<cpu::LayerNorm>("add_layer_norm", run_layer_norm<2>),
      kernel_of<RopeState>("rope", run_rope),
  };
}

}  // namespace paceline::kernels::cuda
