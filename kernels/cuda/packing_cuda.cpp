#include "common/ops/words24.h"
#include "kernels/cpu/support/affine.h"
#include "kernels/cpu/support/quantized.h"
#include "kernels/cuda/device/packing.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {
namespace {

void run_quantize(const Call& call) {
  const TensorView& x = call.inputs[0];
  const ops::BlockFormat& format = call.state<cpu::QuantizedState>().format;
  launch_quantize(x.data, element_of(x.dtype), x.element_count(),
                  format.kind == ops::BlockKind::q8_0, call.outputs[0].data, place_of(call));
  check_launch("packing_cuda");
}

void run_dequantize(const Call& call) {
  const TensorView& out = call.outputs[0];
  const ops::BlockFormat& format = call.state<cpu::QuantizedState>().format;
  launch_dequantize({.blocks = call.inputs[0].data,
                     .out = out.data,
                     .count = out.element_count(),
                     .kind = static_cast<std::int32_t>(format.kind),
                     .elements = static_cast<std::int32_t>(format.elements),
                     .bytes = static_cast<std::int32_t>(format.bytes)},
                    element_of(out.dtype), place_of(call));
  check_launch("packing_cuda");
}

PanelPacking packing_of(const Call& call) {
  const TensorView& weight = call.inputs[0];
  const int inner = call.state<cpu::AffineState>().transpose_weight ? 1 : 0;
  return {.weight = weight.data,
          .out = call.outputs[0].data,
          .inner = weight.extents[inner],
          .columns = weight.extents[1 - inner],
          .inner_step = weight.strides[inner],
          .column_step = weight.strides[1 - inner],
          .panels = call.outputs[0].extents[0]};
}

void run_pack_weight(const Call& call) {
  const TensorView& out = call.outputs[0];
  PanelPacking packing = packing_of(call);
  packing.groups = out.extents[1];
  packing.tile = out.extents[2];
  packing.depth = out.extents[3];
  launch_pack_weight(packing, static_cast<std::int32_t>(size_bytes(out.dtype)), place_of(call));
  check_launch("packing_cuda");
}

void run_pack_weight_24(const Call& call) {
  static_assert(ops::words24::columns == 32 && ops::words24::depth == 4 &&
                ops::words24::words == 3 && ops::words24::wild_exponent == 128);
  launch_pack_weight_24(packing_of(call), place_of(call));
  check_launch("packing_cuda");
}

template <typename State>
Kernel kernel_of(const char* op, std::vector<Dtype> dtypes, Strides strides,
                 void (*run)(const Call&)) {
  Kernel kernel = named(any_info(op, std::move(dtypes), {strides}, Precision::exact, 0.3));
  kernel.prepare = prepare<State>;
  kernel.run = run;
  return kernel;
}

}  // namespace

std::vector<Kernel> packing_cuda() {
  using cpu::AffineState, cpu::QuantizedState;
  return {
      kernel_of<QuantizedState>("quantize", Floats::list(), Strides::dense, run_quantize),
      kernel_of<QuantizedState>("dequantize", {Dtype::u8}, Strides::dense, run_dequantize),
      kernel_of<AffineState>("pack_weight", Floats::list(), Strides::any, run_pack_weight),
      kernel_of<AffineState>("pack_weight_24", {Dtype::f32}, Strides::any, run_pack_weight_24),
  };
}

}  // namespace paceline::kernels::cuda
