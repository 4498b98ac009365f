#include "kernels/cuda/support/cudnn_graph.h"
#include "kernels/kernel.h"

#if __has_include(<cudnn.h>)

#include <bit>
#include <limits>
#include <memory>
#include <optional>

#include "common/base/error.h"
#include "kernels/cuda/support/attention_call.h"
#include "kernels/cuda/support/info.h"

// Attention of many queries in halves by cuDNN, which recognises the graph of products and softmax
// as one operation. Members `.h0`, `.h1`, ... take the first, second, ... engine of its heuristic.
// What `bind` refuses: masks, caps, windows that look ahead, one query (its number of keys grows
// with each token, and each is a graph of its own), and what 16 bytes do not fit.
namespace paceline::kernels::cuda {
namespace {

constexpr int algorithms = 3;
constexpr std::int64_t workspace = 8 << 20;

struct State : AttentionState {
  State(const Attributes& attributes, int algorithm)
      : AttentionState(attributes), algorithm(algorithm) {}
  const int algorithm;
  std::shared_ptr<CudnnEngines> engines;
  cudnnHandle_t handle = nullptr;
  std::optional<CudnnCall> call;  // None: there are no queries.
};

using Extents = CudnnGraph::Extents;

Extents list(const std::int64_t (&values)[4]) {
  return {values[0], values[1], values[2], values[3]};
}

// Of `k` as the second factor of a product: its last axes trade places.
Extents turned(const std::int64_t (&values)[4]) {
  return {values[0], values[1], values[3], values[2]};
}

// Where query i does not see key j by `causal` and `window`, the score becomes minus infinity. The
// library takes these steps in this order alone.
CudnnGraph::Tensor masked(CudnnGraph& graph, CudnnGraph::Tensor scores, const Extents& extents,
                          const AttentionArguments& p) {
  const auto hidden = graph.number(-std::numeric_limits<float>::infinity());
  const auto keep = [&](auto make_kept) {
    const auto row = graph.between(CUDNN_DATA_INT32, extents);
    graph.index(2, scores, row);
    const auto column = graph.between(CUDNN_DATA_INT32, extents);
    graph.index(3, scores, column);
    const auto kept = graph.between(CUDNN_DATA_BOOLEAN, extents);
    make_kept(row, column, kept);
    const auto next = graph.between(CUDNN_DATA_FLOAT, extents);
    graph.select(scores, hidden, kept, next);
    scores = next;
  };
  keep([&](auto row, auto column, auto kept) {
    if (p.keys != p.queries) {
      const auto later = graph.between(CUDNN_DATA_INT32, extents);
      graph.pointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_INT32, row,
                      graph.number(static_cast<std::int32_t>(p.keys)), later);
      row = graph.between(CUDNN_DATA_INT32, extents);
      graph.pointwise(CUDNN_POINTWISE_SUB, CUDNN_DATA_INT32, later,
                      graph.number(static_cast<std::int32_t>(p.queries)), row);
    }
    graph.pointwise(CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, row, column, kept);
  });
  if (p.window == 0) return scores;
  keep([&](auto row, auto column, auto kept) {
    const auto reach = graph.between(CUDNN_DATA_FLOAT, extents);
    graph.pointwise(CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, column,
                    graph.number(static_cast<float>(p.window - p.keys + p.queries)), reach);
    graph.pointwise(CUDNN_POINTWISE_CMP_GT, CUDNN_DATA_BOOLEAN, reach, row, kept);
  });
  return scores;
}

// What of a call the graph depends on.
struct Problem {
  explicit Problem(const Call& call)
      : p(attention_arguments(call)),
        dtype(call.inputs[0].dtype),
        out_strides(call.outputs[0].strides, call.outputs[0].strides + 4) {}
  AttentionArguments p;
  Dtype dtype;
  Extents out_strides;
};

// Operands: q, k, v, out. The sum's logarithm is computed for the library to know the pattern; it
// lies nowhere.
CudnnGraph describe(const Problem& problem) {
  const auto& [p, dtype, out_strides] = problem;
  CudnnGraph graph;
  const auto type = CUDNN_DATA_FLOAT;
  const std::int64_t q_extents[] = {p.batch, p.heads, p.queries, p.width},
                     k_extents[] = {p.batch, p.groups, p.keys, p.width},
                     v_extents[] = {p.batch, p.groups, p.keys, p.value_width};
  const Extents scores_extents = {p.batch, p.heads, p.queries, p.keys},
                row_extents = {p.batch, p.heads, p.queries, 1},
                out_extents = {p.batch, p.heads, p.queries, p.value_width};
  const auto q = graph.operand(dtype, list(q_extents), list(p.q_strides), 16);
  const auto k = graph.operand(dtype, turned(k_extents), turned(p.k_strides), 16);
  const auto v = graph.operand(dtype, list(v_extents), list(p.v_strides), 16);
  const auto out = graph.operand(dtype, out_extents, out_strides, 16);
  const auto products = graph.between(type, scores_extents);
  graph.matmul(q, k, products);
  auto scores = graph.between(type, scores_extents);
  graph.pointwise(CUDNN_POINTWISE_MUL, type, products, graph.number(static_cast<float>(p.scale)),
                  scores);
  if (p.is_causal != 0) scores = masked(graph, scores, scores_extents, p);
  const auto most = graph.between(type, row_extents);
  graph.reduction(CUDNN_REDUCE_TENSOR_MAX, scores, most);
  const auto below = graph.between(type, scores_extents);
  graph.pointwise(CUDNN_POINTWISE_SUB, type, scores, most, below);
  const auto powers = graph.between(type, scores_extents);
  graph.pointwise(CUDNN_POINTWISE_EXP, type, below, powers);
  const auto sum = graph.between(type, row_extents);
  graph.reduction(CUDNN_REDUCE_TENSOR_ADD, powers, sum);
  const auto logarithm = graph.between(type, row_extents);
  graph.pointwise(CUDNN_POINTWISE_LOG, type, sum, logarithm);
  graph.pointwise(CUDNN_POINTWISE_ADD, type, most, logarithm, graph.between(type, row_extents));
  const auto weights = graph.between(cudnn_type(dtype), scores_extents);
  graph.pointwise(CUDNN_POINTWISE_DIV, type, powers, sum, weights);
  graph.matmul(weights, v, out);
  return graph;
}

std::vector<std::int64_t> words_of(const Problem& problem) {
  const auto& [p, dtype, out_strides] = problem;
  std::vector<std::int64_t> words = {static_cast<std::int64_t>(dtype),
                                     p.batch,
                                     p.heads,
                                     p.groups,
                                     p.queries,
                                     p.keys,
                                     p.width,
                                     p.value_width,
                                     p.window,
                                     p.is_causal,
                                     std::bit_cast<std::int64_t>(p.scale)};
  for (const auto* strides : {&p.q_strides, &p.k_strides, &p.v_strides}) {
    words.insert(words.end(), std::begin(*strides), std::end(*strides));
  }
  words.insert(words.end(), out_strides.begin(), out_strides.end());
  return words;
}

template <typename Strides>
bool fits_16_bytes(const void* data, const Strides& strides) {
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(data) % 16 == 0;
  return is_aligned && strides[0] % 8 == 0 && strides[1] % 8 == 0 && strides[2] % 8 == 0;
}

bool is_width(std::int64_t width) { return width >= 64 && width <= 256 && width % 32 == 0; }

bool takes(const Problem& problem) {
  const AttentionArguments& p = problem.p;
  constexpr std::int64_t most = 1 << 24;
  if (p.mask != nullptr || p.softcap > 0 || p.queries < 2 || p.keys < 1) return false;
  if (p.queries > most || p.keys > most) return false;
  if (p.is_causal == 0 ? p.window > 0 : p.keys < p.queries) return false;
  return is_width(p.width) && is_width(p.value_width) && fits_16_bytes(p.q, p.q_strides) &&
         fits_16_bytes(p.k, p.k_strides) && fits_16_bytes(p.v, p.v_strides) &&
         fits_16_bytes(p.out, problem.out_strides);
}

void bind(const Call& call) {
  auto& state = call.state<State>();
  state.call.reset();
  state.engines.reset();
  if (call.outputs[0].element_count() == 0) return;
  const Problem problem(call);
  const AttentionArguments& p = problem.p;
  const CudnnDescriptor* plan = nullptr;
  if (takes(problem)) {
    state.engines = cudnn_engines(words_of(problem), {.workspace_bytes = workspace}, call.stream,
                                  [&] { return describe(problem); });
    if (state.engines != nullptr) plan = state.engines->plan(state.algorithm);
  }
  if (plan == nullptr) {
    throw unsupported(
        "cuDNN has no engine {} for attention of {} with {} heads of {} on {} of {}, "
        "{} queries and {} keys{}",
        state.algorithm, to_string(problem.dtype), p.heads, p.width, p.groups, p.value_width,
        p.queries, p.keys, p.mask != nullptr ? ", under a mask" : "");
  }
  void* const addresses[] = {const_cast<void*>(p.q), const_cast<void*>(p.k), const_cast<void*>(p.v),
                             p.out};
  state.call.emplace(*state.engines, *plan, addresses, call.workspace);
  state.handle = cudnn_handle(call.stream);
}

void run(const Call& call) {
  const auto& state = call.state<State>();
  if (state.call) state.call->run(state.handle);
}

Kernel member(int algorithm) {
  // Behind the plain kernel where nothing was measured: what it refuses, `bind` alone knows.
  constexpr double most = 0.04;
  Kernel kernel{
      .info = cuda_info("attention", {Dtype::f16, Dtype::bf16}, {Strides::dense_inner},
                        Precision::approximates, most / (1 + algorithm)),
      .workspace_bytes = [](const OpInputs&, const Resources&) { return Dim(workspace); },
      .prepare = [algorithm](const Attributes& attributes, const Resources&)
          -> std::unique_ptr<Prepared> { return std::make_unique<State>(attributes, algorithm); },
      .bind = bind,
      .run = run,
  };
  kernel.info.accepts.output_strides = Strides::dense_inner;
  kernel.info.name = fmt::format("h{}", algorithm);
  kernel.info.library = "cudnn";
  kernel.info.library_version = cudnn_library().version;
  return kernel;
}

}  // namespace

std::vector<Kernel> attention_cudnn() {
  if (cudnn() == nullptr) return {};
  std::vector<Kernel> kernels;
  for (int i = 0; i < algorithms; ++i) kernels.push_back(member(i));
  return kernels;
}

}  // namespace paceline::kernels::cuda

#else

namespace paceline::kernels::cuda {

std::vector<Kernel> attention_cudnn() { return {}; }

}  // namespace paceline::kernels::cuda

#endif
