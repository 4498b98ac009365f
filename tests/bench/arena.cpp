// Arena bytes of each model's plan against the largest live set, below which no arena can go.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {
namespace {

void print_need(const std::string& folder, std::int64_t batch, std::int64_t length) {
  const Model model = load_model(folder);
  const Graph graph = prepare(model.graph, ops::all_ops(), kernels::all_kernels());
  Bindings bindings;
  for (const std::string& symbol : graph.symbols()) bindings[symbol] = symbol == "B" ? batch : length;
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  const Decision decision = dispatcher.decide(graph, bindings);
  const Plan plan = compile(decision.path, ops::all_ops(), kernels::all_kernels(), bindings, {});
  const MemoryNeed need = memory_need(plan, bindings);
  fmt::print("{:<16} {:>5} instructions  arena {:>10}  largest live set {:>10}  ratio {:.3f}  prologue {:>3} instructions, {:>8} bytes\n",
             std::filesystem::path(folder).filename().string(), plan.instructions.size(),
             need.arena_bytes, need.largest_live_bytes,
             static_cast<double>(need.arena_bytes) / static_cast<double>(need.largest_live_bytes),
             plan.prologue.size(), need.prepared_bytes);
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Arena bytes against their lower bound."};
  std::vector<std::string> folders;
  std::int64_t batch = 1;
  std::int64_t length = 128;
  app.add_option("models", folders, "Model folders")->required();
  app.add_option("--batch", batch, "B");
  app.add_option("--length", length, "N");
  CLI11_PARSE(app, argc, argv);
  for (const std::string& folder : folders) paceline::print_need(folder, batch, length);
}
