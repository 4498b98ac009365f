#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

#include "kernels/cuda/device/norm.h"
#include "kernels/cuda/support/cublaslt_plan.h"
#include "kernels/cuda/support/info.h"
#include "kernels/cuda/support/launch_check.h"
#include "kernels/cuda/support/norm_products_call.h"

// A norm with the products behind it, and the gate, for many rows: normed into the workspace, then
// a product of cublasLt for each weight. Member `.hI` takes algorithm I of the library's list for
// each of them; a shape with fewer is `unsupported` in `bind`. `.pairs_hI` multiply by two weights
// of one shape that follow each other in one call, a batch of two whose strides are what lies
// between their addresses: more tiles at once than multiprocessors. Where addresses of weights and
// of outputs are not in the same order they are two calls.
namespace paceline::kernels::cuda {
namespace {

constexpr int algorithms = 4;

// Product `first`, and the other of a pair where there is one, in the order of their addresses.
struct Multiplication {
  std::size_t first = 0;
  CublasLtPlan plan;
};

struct State : NormProductsState {
  State(const Attributes& attributes, int algorithm, bool joins_pairs)
      : NormProductsState(attributes), algorithm(algorithm), joins_pairs(joins_pairs) {}
  const int algorithm;
  const bool joins_pairs;
  bool is_gate_swapped = false;
  std::vector<Multiplication> products;  // Empty where there is nothing to multiply.
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

// Whether products i and i + 1 are alike.
bool are_pair(const NormProductsCall& of, std::size_t i) {
  return !of.state.has_bias && i + 1 < of.products.count && of.columns(i) > 0 &&
         of.columns(i) == of.columns(i + 1);
}

bool has_pair(const NormProductsCall& of) {
  for (std::size_t i = 0; i + 1 < of.products.count; ++i) {
    if (are_pair(of, i)) return true;
  }
  return false;
}

// In elements; nullopt where they are not whole pieces of 16 bytes apart.
std::optional<std::int64_t> elements_between(const void* from, const void* to, Dtype dtype) {
  const std::intptr_t bytes =
      reinterpret_cast<std::intptr_t>(to) - reinterpret_cast<std::intptr_t>(from);
  if (bytes == 0 || bytes % 16 != 0) return std::nullopt;
  return bytes / static_cast<std::intptr_t>(size_bytes(dtype));
}

void add_product(State& state, const CublasLtProblem& problem, const void* bias,
                 std::size_t first) {
  state.products.push_back({first, CublasLtPlan(problem, bias)});
  if (problem.columns > 0 && state.products.back().plan.choose(state.algorithm)) return;
  state.products.clear();
  throw unsupported("cublasLt has not so many algorithms for {} times {} by {} by {}: number {}",
                    problem.batches, problem.rows, problem.columns, problem.depth, state.algorithm);
}

// Products i and i + 1 in one call. False: they do not lie so.
bool add_pair(State& state, const NormProductsCall& of, std::size_t i) {
  const Dtype dtype = of.call.inputs[0].dtype;
  const ProductArguments p = of.product(i), q = of.product(i + 1);
  auto weights = elements_between(p.factor.data, q.factor.data, dtype);
  auto outs = elements_between(p.out, q.out, dtype);
  if (!weights || !outs) return false;
  const bool is_swapped = *weights < 0;
  if (state.is_gated) {
    // Which of the two results comes first in the workspace is ours to say.
    state.is_gate_swapped = is_swapped;
  } else if ((*outs < 0) != is_swapped) {
    return false;
  }
  CublasLtProblem problem = problem_of(p, dtype);
  const CublasLtProblem other = problem_of(q, dtype);
  problem.batches = 2;
  problem.shares_x = true;
  problem.weight_stride = std::abs(*weights);
  problem.out_stride = std::abs(*outs);
  problem.weight_alignment = std::min(problem.weight_alignment, other.weight_alignment);
  problem.out_alignment = std::min(problem.out_alignment, other.out_alignment);
  problem.residual_alignment = problem.out_alignment;
  add_product(state, problem, nullptr, is_swapped ? i + 1 : i);
  return true;
}

void bind(const Call& call) {
  auto& state = call.state<State>();
  state.products.clear();
  state.is_gate_swapped = false;
  const NormProductsCall of(call);
  if (state.joins_pairs && !has_pair(of)) {
    throw unsupported("no two of {} products are alike, or they have biases", of.products.count);
  }
  if (of.rows == 0) return;
  for (std::size_t i = 0; i < of.products.count; ++i) {
    if (state.joins_pairs && are_pair(of, i) && add_pair(state, of, i)) {
      ++i;
      continue;
    }
    const ProductArguments p = of.product(i);
    add_product(state, problem_of(p, call.inputs[0].dtype), p.bias, i);
  }
}

void run(const Call& call) {
  const auto& state = call.state<State>();
  if (state.products.empty()) return;
  const NormProductsCall of(call);
  of.launch_norm_of_x();
  for (const auto& [first, plan] : state.products) {
    const ProductArguments p = of.product(first);
    void* out = state.is_gate_swapped ? of.out(0) : p.out;
    plan.run({.x = p.x,
              .weight = p.factor.data,
              .residual = out,
              .out = out,
              .workspace = library_workspace(of)},
             call.stream);
  }
  of.launch_gate(state.is_gate_swapped);
  check_launch("norm_linears_cublaslt");
}

Kernel member(const char* op, int algorithm, bool joins_pairs) {
  Kernel kernel{
      .info = cuda_info(op, {Dtype::f32, Dtype::f16, Dtype::bf16}, {Strides::dense},
                        Precision::reorders, (joins_pairs ? 0.6 : 0.7) / (1 + algorithm)),
      .workspace_bytes =
          [](const OpInputs& in, const Resources&) {
            return norm_products_workspace(in) + cublaslt_workspace_bytes;
          },
      .prepare = [algorithm, joins_pairs](const Attributes& attributes,
                                          const Resources&) -> std::unique_ptr<Prepared> {
        return std::make_unique<State>(attributes, algorithm, joins_pairs);
      },
      .bind = bind,
      .run = run,
  };
  kernel.info.name = fmt::format("{}.{}h{}", op, joins_pairs ? "pairs_" : "", algorithm);
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
    for (const bool joins_pairs : {false, true}) {
      for (int i = 0; i < algorithms; ++i) kernels.push_back(member(op, i, joins_pairs));
    }
  }
  return kernels;
}

}  // namespace paceline::kernels::cuda
