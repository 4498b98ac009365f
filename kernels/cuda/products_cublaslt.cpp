#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>

#include "kernels/cuda/device/around_product.h"
#include "kernels/cuda/support/cublaslt_plan.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/product_call.h"

// cublasLt's products. Members `.h0`, `.h1`, ... take the first, second, ... algorithm that its
// heuristic names for a shape, which is asked once for each shape, in `bind`; a shape for which
// there are fewer, or none, is `unsupported` there. `.tf32_*` multiply f32 in 10 bits. Activations
// that the epilogue lacks are a pass over the results; blocks are unpacked into the workspace
// first.
namespace paceline::kernels::cuda {
namespace {

struct State : ProductState {
  int algorithm = 0;
  bool is_tf32 = false;
  std::optional<CublasLtPlan> plan;  // None: there is nothing to multiply.
};

std::int64_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | 256;
  return std::int64_t{1} << std::countr_zero(bits);
}

// All operands are dense. The batches of matmul whose b has none are rows.
CublasLtProblem problem_of(const ProductArguments& p, const Call& call, bool is_matmul) {
  const auto& state = call.state<State>();
  const bool shares = is_matmul && call.inputs[1].rank == 2;
  const bool joins = shares && !state.transpose_a;
  CublasLtProblem made{
      .dtype = call.inputs[0].dtype,
      .is_tf32 = state.is_tf32,
      .transpose_x = is_matmul && state.transpose_a,
      .transpose_weight = state.transpose_b,
      .batches = joins ? 1 : p.batches,
      .rows = joins ? p.batches * p.rows : p.rows,
      .columns = p.columns,
      .depth = p.depth,
      .shares_weight = shares,
      .adds_residual = p.residual != nullptr,
      .x_alignment = alignment_of(p.x),
      .weight_alignment = alignment_of(p.factor.data),
      .residual_alignment = alignment_of(p.residual == nullptr ? p.out : p.residual),
      // The library knows no alignment of a bias but that of the output.
      .out_alignment = p.bias == nullptr ? alignment_of(p.out)
                                         : std::min(alignment_of(p.out), alignment_of(p.bias)),
  };
  int epilogue = p.bias != nullptr ? CUBLASLT_EPILOGUE_BIAS : 0;
  if (p.activation == FinalActivation::gelu_tanh) epilogue |= CUBLASLT_EPILOGUE_GELU;
  made.epilogue = epilogue == 0 ? CUBLASLT_EPILOGUE_DEFAULT : epilogue;
  return made;
}

// Whether the epilogue has it; others are a pass over the results. The library's own relu makes 0
// of NaN.
bool is_epilogue(FinalActivation activation) {
  return activation == FinalActivation::none || activation == FinalActivation::gelu_tanh;
}

using Arguments = ProductArguments (*)(const Call&);

ProductArguments linear(const Call& call) { return linear_arguments(call, false); }
ProductArguments linear_residual(const Call& call) { return linear_arguments(call, true); }

// Of linear_quantized, as if the blocks had been unpacked: behind cublasLt's workspace.
ProductArguments quantized(const Call& call) {
  ProductArguments p = quantized_arguments(call);
  p.factor = {};
  p.factor.data = static_cast<std::byte*>(call.workspace) + cublaslt_workspace_bytes;
  p.factor.dtype = p.dtype;
  p.factor.strides[0] = 1;
  p.factor.strides[1] = p.depth;
  call.state<State>().transpose_b = true;
  return p;
}

template <Arguments arguments>
void bind(const Call& call) {
  auto& state = call.state<State>();
  state.plan.reset();
  const ProductArguments p = arguments(call);
  if (p.batches == 0 || p.rows == 0 || p.columns == 0 || p.depth == 0) return;
  state.plan.emplace(problem_of(p, call, arguments == matmul_arguments), p.bias);
  if (state.plan->choose(state.algorithm)) return;
  state.plan.reset();
  throw unsupported("cublasLt names no algorithm {} for {} times [{},{}] by [{},{}] in {}",
                    state.algorithm, p.batches, p.rows, p.depth, p.depth, p.columns,
                    to_string(call.inputs[0].dtype));
}

template <Arguments arguments>
void run(const Call& call) {
  const ProductArguments p = arguments(call);
  const auto& plan = call.state<State>().plan;
  if (!plan) {
    launch_product(p, place_of(call));
    return check_launch("products_cublaslt");
  }
  plan->run({.x = p.x,
             .weight = p.factor.data,
             .residual = p.residual == nullptr ? p.out : p.residual,
             .out = p.out,
             .workspace = call.workspace},
            call.stream);
  if (is_epilogue(p.activation)) return;
  launch_activation(p.out, p.dtype, p.rows * p.columns, p.activation, place_of(call));
  check_launch("products_cublaslt");
}

void run_quantized(const Call& call) {
  const ProductArguments p = quantized(call);
  launch_unpack_blocks(quantized_arguments(call).factor, p.columns, p.depth, p.dtype,
                       static_cast<std::byte*>(call.workspace) + cublaslt_workspace_bytes,
                       place_of(call));
  check_launch("products_cublaslt");
  run<quantized>(call);
}

Dim workspace_bytes(const OpInputs& in, const Resources&) {
  Dim bytes = cublaslt_workspace_bytes;
  if (in.attributes.find("format") != nullptr) {
    const auto element = static_cast<std::int64_t>(size_bytes(in[0].dtype));
    bytes += in[1].shape[0] * in[0].shape.back() * element;
  }
  return bytes;
}

struct Form {
  const char* name;
  const char* op;
  Attributes attributes;
  void (*bind)(const Call&);
  void (*run)(const Call&);
};

Kernel member(const Form& form, int algorithm, bool is_tf32) {
  const std::vector<Dtype> dtypes =
      is_tf32 ? std::vector{Dtype::f32} : std::vector{Dtype::f32, Dtype::f16, Dtype::bf16};
  const double most = is_tf32 ? 3.0 : 0.8;
  Kernel kernel{
      .info = cuda_info(form.op, dtypes, {Strides::dense},
                        is_tf32 ? Precision::narrows : Precision::reorders, most / (1 + algorithm)),
      .workspace_bytes = workspace_bytes,
      .prepare = [algorithm, is_tf32](const Attributes& attributes,
                                      const Resources&) -> std::unique_ptr<Prepared> {
        auto state = std::make_unique<State>();
        read_attributes(attributes, *state);
        state->algorithm = algorithm;
        state->is_tf32 = is_tf32;
        return state;
      },
      .bind = form.bind,
      .run = form.run,
  };
  kernel.info.name = fmt::format("{}.{}h{}", form.name, is_tf32 ? "tf32_" : "", algorithm);
  kernel.info.library = "cublaslt";
  kernel.info.library_version = cublaslt_library().version;
  kernel.info.accepts.attributes = form.attributes;
  return kernel;
}

}  // namespace

std::vector<Kernel> products_cublaslt() {
  if (cublaslt() == nullptr) return {};
  const Form forms[] = {
      {"matmul", "matmul", {}, bind<matmul_arguments>, run<matmul_arguments>},
      {"linear", "linear", {}, bind<linear>, run<linear>},
      {"linear_relu",
       "linear_activation",
       {{"activation", std::string("relu")}},
       bind<linear>,
       run<linear>},
      {"linear_gelu_tanh",
       "linear_activation",
       {{"activation", std::string("gelu_tanh")}},
       bind<linear>,
       run<linear>},
      {"linear_residual", "linear_residual", {}, bind<linear_residual>, run<linear_residual>},
  };
  const Form further[] = {
      {"linear_gelu",
       "linear_activation",
       {{"activation", std::string("gelu")}},
       bind<linear>,
       run<linear>},
      {"linear_silu",
       "linear_activation",
       {{"activation", std::string("silu")}},
       bind<linear>,
       run<linear>},
      {"linear_sigmoid",
       "linear_activation",
       {{"activation", std::string("sigmoid")}},
       bind<linear>,
       run<linear>},
  };
  std::vector<Kernel> kernels;
  for (const Form& form : forms) {
    for (int i = 0; i < cublaslt_algorithms_max; ++i) kernels.push_back(member(form, i, false));
    for (int i = 0; i < 4; ++i) kernels.push_back(member(form, i, true));
  }
  for (const Form& form : further) {
    for (int i = 0; i < 4; ++i) kernels.push_back(member(form, i, false));
  }
  // Halves would lose what blocks say.
  const Form blocks = {"linear_quantized", "linear_quantized", {}, bind<quantized>, run_quantized};
  for (const bool is_tf32 : {false, true}) {
    for (int i = 0; i < 4; ++i) {
      kernels.push_back(member(blocks, i, is_tf32));
      kernels.back().info.accepts.dtypes = {Dtype::f32};
    }
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
