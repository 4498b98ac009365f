// Milliseconds from a cached plan to a session that is ready to run, for the layers of Qwen3-0.6B.
// The widths do not count here, so they are small.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "common/base/time.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/random_graph.h"
#include "tests/support/random_model.h"
#include "tests/support/scratch.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/dispatch/plan_cache.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

double milliseconds_since(std::int64_t start_ns) {
  return 1e-6 * static_cast<double>(monotonic_ns() - start_ns);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void run(int layers, int repeats) {
  const testing::Scratch scratch;
  test::write_random_qwen3(scratch / "model",
                           {.layers = layers,
                            .hidden = 64,
                            .heads = 4,
                            .key_value_heads = 2,
                            .head_dim = 16,
                            .intermediate = 96,
                            .vocabulary = 256},
                           1);
  const Model model = load_model(scratch / "model", {.form = ModelForm::generate});
  const Bindings bindings = {{"B", 1}, {"N", 1}, {"past", 16}, {"capacity", 64}};
  const Graph graph = prepare(model.graph, ops::all_ops(), kernels::all_kernels());
  const PlanCache cache(scratch / "plans");
  PlanKey key{.bindings = bindings, .kernels = digest_of(kernels::all_kernels())};
  key.graph = model.graph.id();
  const Path path = test::plain_path(graph, ops::all_ops(), kernels::all_kernels());
  cache.put(key, to_text(compile(path, ops::all_ops(), kernels::all_kernels(), bindings, {})));
  std::vector<double> id, find, parse, make, bind, all, again;
  std::size_t bytes = 0;
  std::size_t instructions = 0;
  for (int i = 0; i < repeats; ++i) {
    const std::int64_t start_ns = monotonic_ns();
    key.graph = model.graph.id();
    key.kernels = digest_of(kernels::all_kernels());
    id.push_back(milliseconds_since(start_ns));
    std::int64_t step_ns = monotonic_ns();
    const std::string text = cache.find(key).value();
    find.push_back(milliseconds_since(step_ns));
    step_ns = monotonic_ns();
    Plan plan = parse_plan(text, ops::all_ops());
    parse.push_back(milliseconds_since(step_ns));
    step_ns = monotonic_ns();
    Session session(std::move(plan), ops::all_ops(), kernels::all_kernels(), model.weights, {});
    make.push_back(milliseconds_since(step_ns));
    step_ns = monotonic_ns();
    session.bind(bindings);
    bind.push_back(milliseconds_since(step_ns));
    all.push_back(milliseconds_since(start_ns));
    Bindings next = bindings;
    next["past"] = 17;
    session.bind(next);  // Makes room.
    next["past"] = 18;
    step_ns = monotonic_ns();
    session.bind(next);
    again.push_back(milliseconds_since(step_ns));
    bytes = text.size();
    instructions = session.instruction_count();
  }
  fmt::print(
      "layers {}, instructions {}, text {} KiB: key {:.1f} ms, find {:.1f}, parse {:.1f}, session "
      "{:.1f}, bind {:.1f}, in all {:.1f}; next bind {:.1f} us\n",
      layers, instructions, bytes / 1024, median(id), median(find), median(parse), median(make),
      median(bind), median(all), 1e3 * median(again));
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"From a cached plan to a session."};
  int layers = 28;
  int repeats = 11;
  app.add_option("--layers", layers, "Layers")->check(CLI::PositiveNumber);
  app.add_option("--repeats", repeats, "Repeats")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  paceline::run(layers, repeats);
}
