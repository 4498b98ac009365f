// Chains of elementwise ops and row reductions: the kernels of the graph as it stands, one by one,
// against one fused node by each kernel that computes it, interleaved.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "scheduler/fusion/fuse.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/execute/session.h"
#include "worker/measure/interleave.h"

namespace paceline {
namespace {

struct Case {
  const char* name;
  std::string graph;  // Over R rows of C elements.
};

const std::vector<Case> cases = {
    {"a*x+b, gelu",
     "input x: f32[R,C] input a: f32[C] input b: f32[C] ab = broadcast(a, shape=[R,C]) "
     "bb = broadcast(b, shape=[R,C]) m = mul(x, ab) s = add(m, bb) y = gelu(s) output y = y"},
    {"a*x+b, relu",
     "input x: f32[R,C] input a: f32[C] input b: f32[C] ab = broadcast(a, shape=[R,C]) "
     "bb = broadcast(b, shape=[R,C]) m = mul(x, ab) s = add(m, bb) y = relu(s) output y = y"},
    {"residual, layer_norm",
     "input x: f32[R,C] input r: f32[R,C] input w: f32[C] input b: f32[C] s = add(x, r) "
     "y = layer_norm(s, w, b) output s = s output y = y"},
    {"residual, layer_norm (one op)",
     "input x: f32[R,C] input r: f32[R,C] input w: f32[C] input b: f32[C] "
     "s, y = add_layer_norm(x, r, w, b) t = neg(y) output s = s output t = t"},
    {"scale, mask, softmax",
     "input x: f32[R,C] input m: bool[R,C] constant k: f32[] = 0.125 constant l: f32[] = -1e30 "
     "kb = broadcast(k, shape=[R,C]) lb = broadcast(l, shape=[R,C]) s = mul(x, kb) "
     "w = where(m, s, lb) y = softmax(w) output y = y"},
    {"gate: silu(x)*u, bf16 out",
     "input x: f32[R,C] input u: f32[R,C] g = silu(x) p = mul(g, u) y = cast(p, dtype=bf16) "
     "output y = y"},
    {"two softmaxes, added",
     "input x: f32[R,C] input z: f32[R,C] a = softmax(x) b = softmax(z) y = add(a, b) "
     "output y = y"},
};

class Bench {
 public:
  Bench(std::int64_t rows, std::int64_t columns, int threads)
      : bindings_{{"R", rows}, {"C", columns}}, threads_(threads) {}

  void run(const Case& one, int blocks, int calls) {
    std::string text = one.graph;
    // Norms need a fixed extent.
    for (std::size_t at; (at = text.find(",C]")) != std::string::npos;) {
      text.replace(at, 3, fmt::format(",{}]", bindings_.at("C")));
    }
    for (std::size_t at; (at = text.find("[C]")) != std::string::npos;) {
      text.replace(at, 3, fmt::format("[{}]", bindings_.at("C")));
    }
    const Graph graph = parse_graph("graph \"bench\" {\n" + text + "\n}", ops_);
    const auto groups = fusion::find_groups(graph, ops_);
    const Graph fused = fusion::fuse(graph, groups, ops_).graph;
    fmt::print("{}: {} groups\n", one.name, groups.size());
    GraphDispatcher dispatcher(ops_, kernels::all_kernels(), nullptr, {.threads = threads_});
    std::vector<Contestant> contestants;
    const auto add = [&](std::string name, const Path& path) {
      auto session = session_of(path);
      contestants.push_back({std::move(name), [session] { session->run(); }});
    };
    const Path standing = dispatcher.decide(graph, bindings_).path;
    add("one by one", standing);
    add("one by one, again (A/A)", standing);
    for (const Kernel* kernel : kernels::kernels_of("fused")) {
      if (kernel->info.is_plain) continue;
      Path path = dispatcher.decide(fused, bindings_).path;
      for (Choice& choice : path.choices) {
        if (path.graph.node(choice.node).op == "fused") choice.kernel = kernel->info.name;
      }
      add(kernel->info.name, path);
    }
    const auto samples = interleave(contestants, blocks, calls, 1);
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      const Ratio ratio = ratio_of(samples[0], samples[i]);
      fmt::print("  {:<28} {:9.3f} ms   {:5.2f} times as fast [{:.2f}, {:.2f}]\n",
                 contestants[i].name, 1e3 * summary_of(samples[i]).median_s, ratio.median,
                 ratio.low, ratio.high);
    }
  }

 private:
  std::shared_ptr<Session> session_of(const Path& path) {
    auto session = std::make_shared<Session>(
        compile(path, ops_, kernels::all_kernels(), bindings_, {.threads = threads_}), ops_,
        kernels::all_kernels(), WeightSet{}, Session::Options{.threads = threads_});
    session->bind(bindings_);
    Random random(5);
    for (const Node& node : path.graph.nodes()) {
      if (node.kind != NodeKind::input) continue;
      const TensorType& type = node.outputs[0];
      session->set_input(
          node.name,
          ops::draw(Sample::Operand{type.dtype, evaluate(type.shape, bindings_)}, random));
    }
    return session;
  }

  const OpSet& ops_ = ops::all_ops();
  Bindings bindings_;
  int threads_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Fused chains against their kernels one by one, interleaved."};
  std::int64_t rows = 4096, columns = 1024;
  int threads = 1, blocks = 15, calls = 3;
  app.add_option("--rows", rows, "Rows");
  app.add_option("--columns", columns, "Elements of each");
  app.add_option("--threads", threads, "Threads");
  app.add_option("--blocks", blocks, "Interleaved blocks");
  app.add_option("--calls", calls, "Calls in a block");
  CLI11_PARSE(app, argc, argv);
  paceline::Bench bench(rows, columns, threads);
  for (const auto& one : paceline::cases) bench.run(one, blocks, calls);
}
