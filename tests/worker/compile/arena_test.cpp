#include "worker/compile/arena.h"

#include <gtest/gtest.h>

#include <cmath>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/passes/passes.h"
#include "tests/support/block.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

constexpr std::int64_t mib = 1 << 20;

// For each node the kernel that its author expects most of.
Path expected_path(const Graph& graph, const Bindings& bindings) {
  Path path{graph, {}};
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes().size()); ++i) {
    const Node& node = graph.node(i);
    if (node.kind != NodeKind::op || ops::all_ops().get(node.op).view) continue;
    const Workload workload = workload_of(graph, i, bindings);
    const Kernel* best = nullptr;
    for (const Kernel* kernel : kernels::kernels_of(node.op)) {
      if (refusal(kernel->info, workload)) continue;
      const bool is_better =
          best == nullptr || kernel->info.expected_efficiency > best->info.expected_efficiency;
      if (is_better) best = kernel;
    }
    if (best != nullptr) path.choices.push_back({i, best->info.name, {}});
  }
  return path;
}

// One plan, packed for `length`, holds every length tight.
void expect_tight(const Graph& graph, std::int64_t length, std::int64_t bytes_max) {
  const Bindings sample = {{"N", length}};
  const Plan plan = compile(expected_path(clean(graph, ops::all_ops()), sample), ops::all_ops(),
                            kernels::all_kernels(), sample, {});
  const std::int64_t bytes = memory_need(plan, sample).arena_bytes;
  EXPECT_LE(bytes, bytes_max);
  ::testing::Test::RecordProperty("arena_bytes", std::to_string(bytes));
  for (const std::int64_t n : {std::int64_t{1}, length / 8 + 3, length, 4 * length}) {
    const MemoryNeed need = memory_need(plan, {{"N", n}});
    EXPECT_LE(static_cast<double>(need.arena_bytes),
              1.05 * static_cast<double>(need.largest_live_bytes))
        << n;
  }
}

// The layers of Qwen3, without embedding and head.
class QwenBody {
 public:
  Graph build(int layers) {
    const Dim n = Dim::symbol("N");
    const Value cos = builder_.input("cos", {Dtype::f32, {n, head_dim / 2}});
    const Value sin = builder_.input("sin", {Dtype::f32, {n, head_dim / 2}});
    Value x = builder_.input("x", {Dtype::f32, {1, n, hidden}});
    for (int i = 0; i < layers; ++i) {
      prefix_ = "layers." + std::to_string(i) + ".";
      x = x + attend(norm("input", x, hidden), cos, sin);
      x = x + feed(norm("post", x, hidden));
    }
    builder_.output("y", x);
    return builder_.finish();
  }

 private:
  static constexpr std::int64_t hidden = 2560, heads = 32, key_heads = 8, head_dim = 128;
  static constexpr std::int64_t intermediate = 9728;

  Value linear(const char* name, const Value& x, std::int64_t from, std::int64_t to) {
    return builder_.op("linear", {x, builder_.weight(prefix_ + name, {Dtype::f32, {to, from}})});
  }

  Value norm(const char* name, const Value& x, std::int64_t width) {
    return builder_.op("rms_norm", {x, builder_.weight(prefix_ + name, {Dtype::f32, {width}})});
  }

  Value split(const char* name, const Value& x, std::int64_t count) {
    return linear(name, x, hidden, count * head_dim)
        .reshape({1, x.dim(1), count, head_dim})
        .permute({0, 2, 1, 3});
  }

  Value attend(const Value& x, const Value& cos, const Value& sin) {
    const Value q = builder_.op("rope", {norm("q_norm", split("q", x, heads), head_dim), cos, sin});
    const Value k =
        builder_.op("rope", {norm("k_norm", split("k", x, key_heads), head_dim), cos, sin});
    const Value mixed = builder_.op("attention", {q, k, split("v", x, key_heads)},
                                    {{"scale", 1 / std::sqrt(128.0)}, {"causal", true}});
    const Value joined = mixed.permute({0, 2, 1, 3}).reshape({1, x.dim(1), heads * head_dim});
    return linear("o", joined, heads * head_dim, hidden);
  }

  Value feed(const Value& x) {
    const Value gate = linear("gate", x, hidden, intermediate);
    const Value up = linear("up", x, hidden, intermediate);
    const Value active = builder_.op("gated_activation", {gate, up});
    return linear("down", active, intermediate, hidden);
  }

  GraphBuilder builder_{ops::all_ops(), "body"};
  std::string prefix_;
};

TEST(Arena, HoldsABlockOfWidth768In9MiB) {
  expect_tight(test::transformer_block_graph(ops::all_ops(), 768, 12, true), 512, 9 * mib);
}

TEST(Arena, HoldsABlockOfWidth4096In96MiB) {
  expect_tight(test::transformer_block_graph(ops::all_ops(), 4096, 32, true), 1024, 96 * mib);
}

TEST(Arena, HoldsTwoLayersOfQwen3In614MiB) { expect_tight(QwenBody().build(2), 1024, 614 * mib); }

}  // namespace
}  // namespace paceline
