#include <string>
#include <string_view>
#include <utility>

#include "kernels/cuda/device/binary_float.h"
#include "kernels/cuda/device/binary_integer.h"
#include "kernels/cuda/device/select.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/faults.h"
#include "kernels/cuda/support/gate.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {
namespace {

using State = OpState<BinaryOp>;

Loop<3> loop_of(const Call& call) {
  return loop_over<3>({call.outputs[0], call.inputs[0], call.inputs[1]});
}

void run(const Call& call) {
  launch_binary(call.state<State>().op, element_of(call.inputs[0].dtype), loop_of(call),
                place_of(call));
  check_launch("binary_cuda");
}

void run_comparison(const Call& call) {
  launch_comparison(call.state<State>().op, element_of(call.inputs[0].dtype), loop_of(call),
                    place_of(call));
  check_launch("binary_cuda");
}

void run_where(const Call& call) {
  const TensorView& out = call.outputs[0];
  launch_where(static_cast<std::int32_t>(size_bytes(out.dtype)),
               loop_over<4>({out, call.inputs[0], call.inputs[1], call.inputs[2]}), place_of(call));
  check_launch("binary_cuda");
}

Kernel binary(std::string op, std::vector<Dtype> dtypes, BinaryOp code,
              void (*run)(const Call&) = cuda::run) {
  Kernel kernel = named(
      any_info(std::move(op), std::move(dtypes), {Strides::any}, Precision::approximates, 0.9));
  kernel.prepare = prepared_op(code);
  kernel.run = run;
  return kernel;
}

Kernel gated_activation() {
  Kernel kernel = binary("gated_activation", Floats::list(), BinaryOp::gated_silu);
  kernel.prepare = [](const Attributes& attributes, const Resources&) {
    return std::make_unique<State>(gate_of(attributes.get<std::string>("activation")));
  };
  return kernel;
}

}  // namespace

std::vector<Kernel> binary_cuda() {
  const auto numbers = Numbers::list(), integers = Integers::list();
  std::vector<Kernel> kernels = {
      binary("add", numbers, BinaryOp::add),
      binary("sub", numbers, BinaryOp::sub),
      binary("mul", numbers, BinaryOp::mul),
      binary("div", numbers, BinaryOp::div),
      binary("maximum", numbers, BinaryOp::maximum),
      binary("minimum", numbers, BinaryOp::minimum),
      binary("pow", Floats::list(), BinaryOp::pow),
      binary("fmod", numbers, BinaryOp::fmod),
      binary("mod", numbers, BinaryOp::mod),
      binary("bitwise_and", integers, BinaryOp::bitwise_and),
      binary("bitwise_or", integers, BinaryOp::bitwise_or),
      binary("bitwise_xor", integers, BinaryOp::bitwise_xor),
      binary("shift_left", integers, BinaryOp::shift_left),
      binary("shift_right", integers, BinaryOp::shift_right),
      gated_activation(),
  };
#define X(name) kernels.push_back(binary(#name, AllDtypes::list(), BinaryOp::name, run_comparison));
  PACELINE_COMPARISON(X)
#undef X
#define X(name) kernels.push_back(binary(#name, Booleans::list(), BinaryOp::name, run_comparison));
  PACELINE_LOGICAL(X)
#undef X
  Kernel where = named(any_info("where", Booleans::list(), {Strides::any}, Precision::exact, 0.9));
  where.run = run_where;
  kernels.push_back(std::move(where));
  return kernels;
}

}  // namespace paceline::kernels::cuda
