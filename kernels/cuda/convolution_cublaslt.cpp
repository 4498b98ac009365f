#include <algorithm>
#include <bit>
#include <optional>

#include "common/ops/support/convolution.h"
#include "kernels/cuda/device/columns.h"
#include "kernels/cuda/support/convolution_call.h"
#include "kernels/cuda/support/cublaslt_plan.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// Convolutions of one group as cublasLt's products of filters and columns, which windows of 1 by 1
// side by side are already. Members `.h0`, `.h1`, ... take the first, second, ... algorithm of its
// heuristic; a shape for which there are fewer is `unsupported` in `bind`.
namespace paceline::kernels::cuda {
namespace {

constexpr int algorithms = 3;

struct State : Prepared {
  State(const Attributes& attributes, int algorithm) : windows(attributes), algorithm(algorithm) {
    if (attributes.find("activation") != nullptr) activation = cpu::FinalActivation(attributes);
  }
  cpu::ConvolutionState windows;
  cpu::FinalActivation activation;
  int algorithm;
  std::optional<CublasLtPlan> plan;  // None: there is nothing to multiply.
};

template <bool has_residual>
Convolution arguments(const Call& call) {
  const auto& state = call.state<State>();
  Convolution of = convolution_of(call, has_residual ? 3 : 2);
  if (has_residual) of.residual = device_view(as_volume(call.inputs[2]));
  set_axes(of.axes, state.windows, as_volume(call.inputs[0]),
           cpu::spatial_extents(as_volume(call.inputs[1])), as_volume(call.outputs[0]));
  of.finish = finish_of(state.activation);
  return of;
}

bool are_columns(const Convolution& of) {
  return std::ranges::all_of(of.axes, [](const WindowAxis& axis) {
    return axis.kernel == 1 && axis.stride == 1 && axis.low == 0 && axis.high == 0;
  });
}

void* columns_of(const Convolution& of, const Call& call) {
  if (are_columns(of)) return of.x.data;
  return static_cast<std::byte*>(call.workspace) + cublaslt_workspace_bytes;
}

std::int64_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | 256;
  return std::int64_t{1} << std::countr_zero(bits);
}

template <bool has_residual>
void bind(const Call& call) {
  auto& state = call.state<State>();
  state.plan.reset();
  const Convolution of = arguments<has_residual>(call);
  if (call.outputs[0].element_count() == 0) return;
  const DeviceView& weight = of.weight;
  const CublasLtProblem problem{
      .dtype = call.inputs[0].dtype,
      .batches = of.out.extents[0],
      .rows = of.out.extents[1],
      .columns = of.axes[0].out * of.axes[1].out * of.axes[2].out,
      .depth = weight.extents[1] * weight.extents[2] * weight.extents[3] * weight.extents[4],
      .shares_x = true,
      .adds_residual = has_residual,
      .x_alignment = alignment_of(weight.data),
      .weight_alignment = alignment_of(columns_of(of, call)),
      .residual_alignment = alignment_of(has_residual ? of.residual.data : of.out.data),
      .out_alignment = alignment_of(of.out.data)};
  if (problem.depth > 0 && problem.columns < std::int64_t{1} << 31) {
    state.plan.emplace(problem, nullptr);
    if (state.plan->choose(state.algorithm)) return;
    state.plan.reset();
  }
  throw unsupported("cublasLt names no algorithm {} for {} times [{},{}] by [{},{}] in {}",
                    state.algorithm, problem.batches, problem.rows, problem.depth, problem.depth,
                    problem.columns, to_string(problem.dtype));
}

template <bool has_residual>
void run(const Call& call) {
  const auto& plan = call.state<State>().plan;
  if (!plan) return;
  const Convolution of = arguments<has_residual>(call);
  void* columns = columns_of(of, call);
  if (columns != of.x.data) launch_columns(of, columns, place_of(call));
  plan->run({.x = of.weight.data,
             .weight = columns,
             .residual = has_residual ? of.residual.data : of.out.data,
             .out = of.out.data,
             .workspace = call.workspace},
            call.stream);
  const bool is_finished = of.bias == nullptr && of.finish.kind == AfterConvolution::none;
  if (!is_finished) launch_finish(of, place_of(call));
  check_launch("convolution_cublaslt");
}

template <bool has_residual>
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  const Shape out = ops::convolution_type(in, has_residual ? 3 : 2).shape;
  const Shape& weight = in[1].shape;
  Dim bytes = out[0] * static_cast<std::int64_t>(size_bytes(in[0].dtype));
  for (std::size_t axis = 1; axis < weight.size(); ++axis) bytes = bytes * weight[axis];
  for (std::size_t axis = 2; axis < out.size(); ++axis) bytes = bytes * out[axis];
  return bytes + cublaslt_workspace_bytes;
}

template <bool has_residual>
Kernel member(const char* op, int algorithm) {
  // Behind the plain kernel where nothing was measured.
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, 0.04 / (1 + algorithm)),
      .workspace_bytes = workspace_bytes<has_residual>,
      .prepare = [algorithm](const Attributes& attributes, const Resources&)
          -> std::unique_ptr<Prepared> { return std::make_unique<State>(attributes, algorithm); },
      .bind = bind<has_residual>,
      .run = run<has_residual>,
  };
  kernel.info.name = fmt::format("{}.h{}", op, algorithm);
  kernel.info.library = "cublaslt";
  kernel.info.library_version = cublaslt_library().version;
  kernel.info.accepts.attributes = {{"groups", std::int64_t{1}}};
  return kernel;
}

}  // namespace

std::vector<Kernel> convolution_cublaslt() {
  if (cublaslt() == nullptr) return {};
  std::vector<Kernel> kernels;
  for (int i = 0; i < algorithms; ++i) {
    kernels.push_back(member<false>("conv", i));
    kernels.push_back(member<false>("conv_activation", i));
    kernels.push_back(member<true>("conv_residual", i));
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
