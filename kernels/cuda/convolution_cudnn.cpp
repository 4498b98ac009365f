#include "kernels/cuda/support/cudnn_graph.h"
#include "kernels/kernel.h"

#if __has_include(<cudnn.h>)

#include <algorithm>
#include <bit>
#include <memory>
#include <optional>

#include "common/ops/support/convolution.h"
#include "kernels/cuda/device/columns.h"
#include "kernels/cuda/support/convolution_call.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"

// Convolutions by cuDNN, with the bias and the residual in the same step where there is a bias;
// activations are a pass over the results, since the library does not say what its relu makes of
// NaN. Members `.h0` and `.h1` take the first and second engine of its heuristic that gives the
// same bytes each time; those of f32 leave the tensor cores alone. A shape with fewer engines is
// `unsupported` in `bind`, and so are addresses that 16 bytes do not fit: not all engines heed what
// the graph says of them.
namespace paceline::kernels::cuda {
namespace {

constexpr std::int64_t alignment = 16;

struct State : Prepared {
  State(const Attributes& attributes, int algorithm)
      : attributes(attributes), windows(attributes), algorithm(algorithm) {
    if (attributes.find("activation") != nullptr) activation = cpu::FinalActivation(attributes);
  }
  const Attributes attributes;
  cpu::ConvolutionState windows;
  cpu::FinalActivation activation;
  const int algorithm;
  std::shared_ptr<CudnnEngines> engines;
  cudnnHandle_t handle = nullptr;
  std::optional<CudnnCall> call;  // None: there is nothing to compute.
};

// What of a call the graph depends on.
struct Problem {
  Dtype dtype;
  CudnnGraph::Extents x, weight, out;  // With one, two or three spatial axes, of which none is 1.
  CudnnWindows windows;
  bool has_bias, adds_residual;
  bool is_aligned;  // All addresses, to 16 bytes.

  std::vector<std::int64_t> words() const {
    std::vector<std::int64_t> words = {static_cast<std::int64_t>(dtype), has_bias, adds_residual};
    for (const auto* list :
         {&x, &weight, &out, &windows.strides, &windows.dilations, &windows.low, &windows.high}) {
      words.insert(words.end(), list->begin(), list->end());
    }
    return words;
  }
};

CudnnGraph::Extents dense_strides(const CudnnGraph::Extents& extents) {
  CudnnGraph::Extents strides(extents.size(), 1);
  for (std::size_t axis = extents.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * extents[axis];
  }
  return strides;
}

// Operands: x, weight, out, then the bias and the residual where they are.
CudnnGraph describe(const Problem& p) {
  CudnnGraph graph;
  const auto operand = [&](const CudnnGraph::Extents& extents) {
    return graph.operand(p.dtype, extents, dense_strides(extents), alignment);
  };
  const auto x = operand(p.x), weight = operand(p.weight), out = operand(p.out);
  int left = int{p.has_bias} + int{p.adds_residual};
  const auto result = [&] { return left-- == 0 ? out : graph.between(CUDNN_DATA_FLOAT, p.out); };
  auto value = result();
  graph.convolution(x, weight, value, p.windows);
  if (!p.has_bias) return graph;
  CudnnGraph::Extents one(p.out.size(), 1);
  one[1] = p.out[1];
  const auto bias = operand(one);
  const auto add = [&](CudnnGraph::Tensor added) {
    const auto next = result();
    graph.pointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, value, added, next);
    value = next;
  };
  if (p.adds_residual) add(operand(p.out));
  add(bias);
  return graph;
}

template <bool has_residual>
Convolution arguments(const Call& call) {
  const auto& state = call.state<State>();
  Convolution of = convolution_of(call, has_residual ? 3 : 2);
  if (has_residual) of.residual = device_view(as_volume(call.inputs[2]));
  set_axes(of.axes, state.windows, as_volume(call.inputs[0]),
           cpu::spatial_extents(as_volume(call.inputs[1])), as_volume(call.outputs[0]));
  of.groups = state.windows.groups;
  of.finish = finish_of(state.activation);
  return of;
}

bool are_aligned(std::initializer_list<const void*> addresses) {
  return std::ranges::all_of(addresses, [](const void* address) {
    return reinterpret_cast<std::uintptr_t>(address) % alignment == 0;
  });
}

bool is_trivial(const WindowAxis& axis) {
  return axis.in == 1 && axis.kernel == 1 && axis.out == 1 && axis.low == 0 && axis.high == 0;
}

Problem problem_of(const Convolution& of, Dtype dtype) {
  Problem p{.dtype = dtype,
            .x = {of.x.extents[0], of.x.extents[1]},
            .weight = {of.weight.extents[0], of.weight.extents[1]},
            .out = {of.out.extents[0], of.out.extents[1]},
            .has_bias = of.bias != nullptr,
            .adds_residual = of.residual.data != nullptr,
            .is_aligned =
                are_aligned({of.x.data, of.weight.data, of.out.data, of.bias, of.residual.data})};
  // Two axes at least, as the library wants them.
  for (int i = is_trivial(of.axes[0]) ? 1 : 0; i < 3; ++i) {
    const WindowAxis& axis = of.axes[i];
    p.x.push_back(axis.in);
    p.weight.push_back(axis.kernel);
    p.out.push_back(axis.out);
    p.windows.strides.push_back(axis.stride);
    p.windows.dilations.push_back(axis.dilation);
    p.windows.low.push_back(axis.low);
    p.windows.high.push_back(axis.high);
  }
  return p;
}

// What the library's engines change layouts in: x, the weight and the result, with channels filled
// up to 8. By constants where they are.
Dim padded(const Shape& shape, std::size_t channels, std::int64_t element) {
  Dim bytes = element;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const auto known = shape[axis].constant();
    const bool is_filled = axis == channels;
    bytes = bytes *
            (is_filled && known ? Dim((*known + 7) / 8 * 8) : shape[axis] + (is_filled ? 7 : 0));
  }
  return bytes;
}

template <bool has_residual>
Dim workspace_bytes(const OpInputs& in, const Resources&) {
  constexpr std::int64_t more = 1 << 20;
  const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
  const Shape out = ops::convolution_type(in, has_residual ? 3 : 2).shape;
  return padded(in[0].shape, 1, element) + padded(in[1].shape, 1, element) +
         padded(out, 1, element) + more;
}

// The same of a call's operands.
template <bool has_residual>
std::int64_t workspace_limit(const Call& call, const Attributes& attributes) {
  std::vector<TensorType> types;
  for (const TensorView& view : call.inputs) {
    types.push_back({view.dtype, Shape(view.extents, view.extents + view.rank)});
  }
  return *workspace_bytes<has_residual>({types, attributes}, {}).constant();
}

[[noreturn]] void refuse(const Problem& p, const State& state) {
  throw unsupported(
      "cuDNN has no engine {} for a convolution of {} with {} channels by {} "
      "filters{}",
      state.algorithm, to_string(p.dtype), p.x[1], p.weight[0],
      !p.is_aligned                    ? ", at addresses that 16 bytes do not fit"
      : p.adds_residual && !p.has_bias ? ", a residual and no bias"
                                       : "");
}

template <bool has_residual>
void bind(const Call& call) {
  auto& state = call.state<State>();
  state.call.reset();
  state.engines.reset();
  const Convolution of = arguments<has_residual>(call);
  if (call.outputs[0].element_count() == 0) return;
  const Problem p = problem_of(of, call.inputs[0].dtype);
  const bool is_empty = std::ranges::count(p.x, 0) + std::ranges::count(p.weight, 0) > 0;
  if (is_empty || !p.is_aligned || (p.adds_residual && !p.has_bias)) refuse(p, state);
  const CudnnLimits limits{.workspace_bytes = workspace_limit<has_residual>(call, state.attributes),
                           .has_tensor_cores = p.dtype != Dtype::f32};
  state.engines = cudnn_engines(p.words(), limits, call.stream, [&] { return describe(p); });
  const CudnnDescriptor* plan =
      state.engines == nullptr ? nullptr : state.engines->plan(state.algorithm);
  if (plan == nullptr) refuse(p, state);
  std::vector<void*> addresses = {of.x.data, of.weight.data, of.out.data};
  if (p.has_bias) addresses.push_back(const_cast<void*>(of.bias));
  if (p.adds_residual) addresses.push_back(of.residual.data);
  state.call.emplace(*state.engines, *plan, addresses, call.workspace);
  state.handle = cudnn_handle(call.stream);
}

template <bool has_residual>
void run(const Call& call) {
  const auto& state = call.state<State>();
  if (!state.call) return;
  state.call->run(state.handle);
  Convolution of = arguments<has_residual>(call);
  of.bias = nullptr;  // It is in the results already.
  if (of.finish.kind != AfterConvolution::none) launch_finish(of, place_of(call));
  check_launch("convolution_cudnn");
}

template <bool has_residual>
Kernel member(const char* op, int algorithm) {
  // Behind the plain kernel where nothing was measured: what it refuses, `bind` alone knows.
  constexpr double most = 0.045;
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, most / (1 + algorithm)),
      .workspace_bytes = workspace_bytes<has_residual>,
      .prepare = [algorithm](const Attributes& attributes, const Resources&)
          -> std::unique_ptr<Prepared> { return std::make_unique<State>(attributes, algorithm); },
      .bind = bind<has_residual>,
      .run = run<has_residual>,
  };
  kernel.info.name = fmt::format("{}.h{}", op, algorithm);
  kernel.info.library = "cudnn";
  kernel.info.library_version = cudnn_library().version;
  return kernel;
}

}  // namespace

std::vector<Kernel> convolution_cudnn() {
  if (cudnn() == nullptr) return {};
  std::vector<Kernel> kernels;
  // Its third choice, and those that round f32 to TF32, do not pass infinity on as the sum does.
  for (int i = 0; i < 2; ++i) {
    kernels.push_back(member<false>("conv", i));
    kernels.push_back(member<false>("conv_activation", i));
    kernels.push_back(member<true>("conv_residual", i));
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda

#else

namespace paceline::kernels::cuda {

std::vector<Kernel> convolution_cudnn() { return {}; }

}  // namespace paceline::kernels::cuda

#endif
