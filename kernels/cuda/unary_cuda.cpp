#include <string>
#include <utility>

#include "kernels/cuda/device/cast.h"
#include "kernels/cuda/device/unary.h"
#include "kernels/cuda/support/dtypes.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/op_state.h"
#include "kernels/cuda/support/views.h"

namespace paceline::kernels::cuda {
namespace {

void run(const Call& call) {
  launch_unary(call.state<OpState<UnaryOp>>().op, element_of(call.inputs[0].dtype),
               loop_over<2>({call.outputs[0], call.inputs[0]}), place_of(call));
  check_launch("unary_cuda");
}

void run_cast(const Call& call) {
  launch_cast(element_of(call.inputs[0].dtype), element_of(call.outputs[0].dtype),
              loop_over<2>({call.outputs[0], call.inputs[0]}), place_of(call));
  check_launch("unary_cuda");
}

Kernel unary(std::string op, std::vector<Dtype> dtypes, UnaryOp code) {
  Kernel kernel = named(
      any_info(std::move(op), std::move(dtypes), {Strides::any}, Precision::approximates, 0.9));
  kernel.prepare = prepared_op(code);
  kernel.run = run;
  return kernel;
}

Kernel gelu() {
  Kernel kernel = unary("gelu", Floats::list(), UnaryOp::gelu);
  kernel.prepare = [](const Attributes& attributes, const Resources&) {
    const bool is_tanh = attributes.get<std::string>("approximate") == "tanh";
    return std::make_unique<OpState<UnaryOp>>(is_tanh ? UnaryOp::gelu_tanh : UnaryOp::gelu);
  };
  return kernel;
}

Kernel cast() {
  Kernel kernel = named(any_info("cast", AllDtypes::list(), {Strides::any}, Precision::exact, 0.9));
  kernel.run = run_cast;
  return kernel;
}

}  // namespace

std::vector<Kernel> unary_cuda() {
  std::vector<Kernel> kernels;
  const std::vector<Dtype> floats = Floats::list();
  const auto takes_integers = [](UnaryOp op) {
    return op == UnaryOp::abs || op == UnaryOp::neg || op == UnaryOp::sign;
  };
#define X(name)                                                                                 \
  if (UnaryOp::name != UnaryOp::gelu && UnaryOp::name != UnaryOp::gelu_tanh) {                  \
    kernels.push_back(                                                                          \
        unary(#name, takes_integers(UnaryOp::name) ? Numbers::list() : floats, UnaryOp::name)); \
  }
  PACELINE_FLOAT_UNARY(X)
#undef X
  kernels.push_back(gelu());
  kernels.push_back(unary("is_nan", floats, UnaryOp::is_nan));
  kernels.push_back(unary("is_inf", floats, UnaryOp::is_inf));
  kernels.push_back(unary("bitwise_not", Integers::list(), UnaryOp::bitwise_not));
  kernels.push_back(unary("logical_not", Booleans::list(), UnaryOp::logical_not));
  kernels.push_back(cast());
  return kernels;
}

}  // namespace paceline::kernels::cuda
