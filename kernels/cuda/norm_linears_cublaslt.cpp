#include <bit>
#include <optional>
#include <vector>

#include "kernels/cuda/device/norm.h"
#include "kernels/cuda/support/cublaslt_plan.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/norm_products_call.h"

// A norm with the products behind it, and the gate, for many rows: normed into the workspace, then
// a product of cublasLt for each weight. Member `.hI` takes algorithm I of the library's list for
// each of them; a shape with fewer is `unsupported` in `bind`.
namespace paceline::kernels::cuda {
namespace {

constexpr int algorithms = 4;

struct State : NormProductsState {
  State(const Attributes& attributes, int algorithm)
      : NormProductsState(attributes), algorithm(algorithm) {}
  const int algorithm;
  std::vector<CublasLtPlan> plans;  // By product; empty where there is nothing to multiply.
};

std::int64_t alignment_of(const void* address) {
  const auto bits = reinterpret_cast<std::uintptr_t>(address) | 256;
  return std::int64_t{1} << std::countr_zero(bits);
}

CublasLtProblem problem_of(const ProductArguments& p, Dtype dtype) {
  return {
      .dtype = dtype,
      .transpose_weight = true,
      .rows = p.rows,
      .columns = p.columns,
      .depth = p.depth,
      .epilogue = p.bias != nullptr ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT,
      .x_alignment = alignment_of(p.x),
      .weight_alignment = alignment_of(p.factor.data),
      .residual_alignment = alignment_of(p.out),
      // The library knows no alignment of a bias but that of the output.
      .out_alignment = p.bias == nullptr ? alignment_of(p.out)
                                         : std::min(alignment_of(p.out), alignment_of(p.bias)),
  };
}

// The library's workspace lies behind what the op's steps hand on.
std::byte* library_workspace(const NormProductsCall& of) {
  return of.normed() + of.handed_on_bytes();
}

void bind(const Call& call) {
  auto& state = call.state<State>();
  state.plans.clear();
  const NormProductsCall of(call);
  if (of.rows == 0) return;
  for (std::size_t i = 0; i < of.products.count; ++i) {
    const ProductArguments p = of.product(i);
    state.plans.emplace_back(problem_of(p, call.inputs[0].dtype), p.bias);
    if (p.columns > 0 && state.plans.back().choose(state.algorithm)) continue;
    state.plans.clear();
    throw unsupported("cublasLt has not so many algorithms for {} by {} by {}: number {}", p.rows,
                      p.columns, p.depth, state.algorithm);
  }
}

void run(const Call& call) {
  const auto& state = call.state<State>();
  if (state.plans.empty()) return;
  const NormProductsCall of(call);
  of.launch_norm_of_x();
  for (std::size_t i = 0; i < of.products.count; ++i) {
    const ProductArguments p = of.product(i);
    state.plans[i].run({.x = p.x,
                        .weight = p.factor.data,
                        .residual = p.out,
                        .out = p.out,
                        .workspace = library_workspace(of)},
                       call.stream);
  }
  of.launch_gate();
  check_launch("norm_linears_cublaslt");
}

Kernel member(const char* op, int algorithm) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, 0.7 / (1 + algorithm)),
      .workspace_bytes =
          [](const OpInputs& in, const Resources&) {
            return norm_products_workspace(in) + cublaslt_workspace_bytes;
          },
      .prepare = [algorithm](const Attributes& attributes, const Resources&)
          -> std::unique_ptr<Prepared> { return std::make_unique<State>(attributes, algorithm); },
      .bind = bind,
      .run = run,
  };
  kernel.info.name = fmt::format("{}.h{}", op, algorithm);
  kernel.info.library = "cublaslt";
  kernel.info.library_version = cublaslt_library().version;
  kernel.info.accepts.attributes = {{"transpose_weight", true}};
  return kernel;
}

}  // namespace

// None where the library was not found.
std::vector<Kernel> norm_linears_cublaslt() {
  if (cublaslt() == nullptr) return {};
  std::vector<Kernel> kernels;
  for (const char* op : {"norm_linears", "norm_linears_gated"}) {
    for (int i = 0; i < algorithms; ++i) kernels.push_back(member(op, i));
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
