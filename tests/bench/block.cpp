// A transformer block by plain kernels alone, by the default choice (no measurement), and by the
// store, interleaved in one process. Measures what the store does not know first.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/block.h"
#include "worker/measure/interleave.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

struct Arguments {
  std::int64_t width = 512;
  std::int64_t heads = 8;
  std::int64_t length = 256;
  bool causal = false;
  int threads = 1;
  int blocks = 15;
  std::string store = "block-bench.db";
};

class Bench {
 public:
  explicit Bench(const Arguments& arguments)
      : arguments_(arguments),
        block_(test::transformer_block(ops::all_ops(), arguments.width, arguments.heads,
                                       arguments.causal, 1)),
        graph_(prepare(block_.graph, ops::all_ops(), kernels::all_kernels())),
        bindings_{{"N", arguments.length}},
        store_(open_store(arguments.store)) {}

  void run() {
    measure();
    auto plain = session(nullptr, {.plain_only = true});
    auto untuned = session(nullptr, {});
    auto tuned = session(store_.get(), {});
    auto again = session(store_.get(), {});
    const auto samples = interleave({{"plain", [&] { plain->run(); }},
                                            {"default", [&] { untuned->run(); }},
                                            {"by the store", [&] { tuned->run(); }},
                                            {"by the store, again", [&] { again->run(); }}},
                                           arguments_.blocks, 3, 7);
    fmt::print("width {}, heads {}, length {}, causal {}, threads {}\n", arguments_.width,
               arguments_.heads, arguments_.length, arguments_.causal, arguments_.threads);
    print("plain kernels alone", samples[0], samples[2]);
    print("default choice", samples[1], samples[2]);
    print("by the store", samples[2], samples[2]);
    print("by the store, again (A/A)", samples[3], samples[2]);
  }

 private:
  GraphDispatcher dispatcher(Store* store, ChooseOptions choose) {
    return {ops::all_ops(), kernels::all_kernels(), store,
            {.choose = choose, .threads = arguments_.threads}};
  }

  void measure() {
    const Regime regimes[] = {Regime::hot};
    const int measured = dispatcher(store_.get(), {}).measure_missing(
        graph_, bindings_, regimes, [](int done, int total, const Workload& workload) {
          fmt::print(stderr, "measured {}/{} {}\n", done, total, workload.to_text());
        });
    fmt::print("measured {} workloads into {}\n", measured, store_->url());
  }

  std::unique_ptr<Session> session(Store* store, ChooseOptions choose) {
    const Decision decision = dispatcher(store, choose).decide(graph_, bindings_);
    for (const NodeDecision& node : decision.nodes) {
      fmt::print(stderr, "  {:<24} {}\n", node.kernel, node.workload.to_text());
    }
    Plan plan = compile(decision.path, ops::all_ops(), kernels::all_kernels(), bindings_,
                        {.threads = arguments_.threads});
    auto made = std::make_unique<Session>(std::move(plan), ops::all_ops(),
                                          kernels::all_kernels(), block_.weights,
                                          Session::Options{.threads = arguments_.threads});
    made->bind(bindings_);
    made->set_input("x", test::random_normal({1, arguments_.length, arguments_.width}, 99));
    return made;
  }

  static void print(const char* name, const std::vector<double>& samples,
                    const std::vector<double>& tuned) {
    const Summary summary = summary_of(samples);
    const Ratio ratio = ratio_of(samples, tuned);
    fmt::print("{:<26} {:9.3f} ms [{:.3f}, {:.3f}]   {:6.2f}x of tuned [{:.2f}, {:.2f}]\n", name,
               1e3 * summary.median_s, 1e3 * summary.low_s, 1e3 * summary.high_s, ratio.median,
               ratio.low, ratio.high);
  }

  Arguments arguments_;
  test::Block block_;
  Graph graph_;
  Bindings bindings_;
  std::unique_ptr<Store> store_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"A transformer block: plain, default and tuned, interleaved."};
  paceline::Arguments arguments;
  app.add_option("--width", arguments.width, "Model width");
  app.add_option("--heads", arguments.heads, "Attention heads");
  app.add_option("--length", arguments.length, "Sequence length");
  app.add_flag("--causal", arguments.causal, "Causal attention");
  app.add_option("--threads", arguments.threads, "Threads");
  app.add_option("--blocks", arguments.blocks, "Interleaved blocks");
  app.add_option("--store", arguments.store, "Store to measure into and choose by");
  CLI11_PARSE(app, argc, argv);
  paceline::Bench(arguments).run();
}
