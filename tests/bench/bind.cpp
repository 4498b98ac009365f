// Microseconds from one binding to the next, as a sequence grows token by token: the plan that a
// generator runs for single tokens, bound with `past` one higher each time.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/models/model.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/dispatch.h"
#include "worker/execute/session.h"

namespace paceline {
namespace {

void print_times(const std::string& folder, std::int64_t first, std::int64_t last) {
  const Model model = load_model(folder, {.form = ModelForm::generate});
  const Graph graph = prepare(model.graph, ops::all_ops(), kernels::all_kernels());
  Bindings bindings = {{"B", 1}, {"N", 1}, {"past", first}, {"capacity", last + 1}};
  GraphDispatcher dispatcher(ops::all_ops(), kernels::all_kernels(), nullptr, {});
  const Decision decision = dispatcher.decide(graph, bindings);
  Session session(compile(decision.path, ops::all_ops(), kernels::all_kernels(), bindings, {}),
                  ops::all_ops(), kernels::all_kernels(), model.weights, {});
  session.reserve({{"B", 1}, {"N", 1}, {"past", last}, {"capacity", last + 1}});
  session.bind(bindings);
  session.set_input("input_ids", Tensor::of<std::int64_t>({1, 1}, {0}));
  std::vector<double> microseconds;
  for (std::int64_t past = first + 1; past <= last; ++past) {
    session.run();  // As a generator does: what binding reads has left the nearest cache.
    bindings["past"] = past;
    const std::int64_t start_ns = monotonic_ns();
    session.bind(bindings);
    microseconds.push_back(1e-3 * static_cast<double>(monotonic_ns() - start_ns));
  }
  std::sort(microseconds.begin(), microseconds.end());
  const std::size_t count = microseconds.size();
  fmt::print(
      "{:<16} {:>5} instructions  median {:6.2f} us  of 10 nine below {:6.2f} us  worst "
      "{:8.2f} us\n",
      std::filesystem::path(folder).filename().string(), session.instruction_count(),
      microseconds[count / 2], microseconds[count * 9 / 10], microseconds.back());
}

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  CLI::App app{"Microseconds from past to past + 1."};
  std::vector<std::string> folders;
  std::int64_t first = 16;
  std::int64_t last = 56;
  app.add_option("models", folders, "Model folders")->required();
  app.add_option("--first", first, "Least past")->check(CLI::NonNegativeNumber);
  app.add_option("--last", last, "Greatest past")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  for (const std::string& folder : folders) paceline::print_times(folder, first, last);
}
