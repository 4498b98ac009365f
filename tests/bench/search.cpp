// The search over synthetic spaces of one transformer layer: size, count, the time to build the
// diagram and to list the first paths, and extraction with its gap.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <chrono>

#include "scheduler/search/best_first.h"
#include "scheduler/search/extract.h"
#include "scheduler/search/quotient.h"
#include "tests/support/layer_space.h"

namespace paceline::search {
namespace {

class Stopwatch {
 public:
  double lap_ms() {
    const auto now = std::chrono::steady_clock::now();
    const double ms = std::chrono::duration<double, std::milli>(now - start_).count();
    start_ = now;
    return ms;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void print_search(const LayerOptions& options, const Limits& limits, int paths,
                  std::uint64_t seed) {
  Random random(seed);
  const Space drawn = layer_space(options, random);
  Stopwatch watch;
  const Quotient made(drawn);
  const double quotient_ms = watch.lap_ms();
  std::size_t alternatives = 0;
  for (const auto& of_class : made.space().classes) alternatives += of_class.size();
  fmt::print(
      "layouts {} kernels {} chain {} seed {}: {} classes; merged {}, {} alternatives, {} cut\n",
      options.layouts, options.kernels, options.chain, seed, drawn.classes.size(),
      made.space().classes.size(), alternatives, made.cut());

  watch.lap_ms();
  const Diagram diagram = Diagram::build(made.space(), limits);
  const double build_ms = watch.lap_ms();
  BestFirst list(diagram);
  const double best_s = diagram.best().cost_s;
  double last_s = 0;
  int ordered = 0;
  int found = 0;
  for (; found < paths; ++found) {
    const auto solution = list.next();
    if (!solution) break;
    ordered += list.is_ordered(*solution);
    last_s = solution->cost_s;
  }
  const double list_ms = watch.lap_ms();
  const Extraction extraction = extract(made.space(), limits);
  const double extract_ms = watch.lap_ms();
  fmt::print(
      "  10^{:.2f} paths{}, {} states; best {:.3f} us, path {} {:.3f} us, {} surely in order\n"
      "  quotient {:.1f} ms, build {:.1f} ms, list {:.1f} ms\n"
      "  extract {:.1f} ms: {:.3f} us, bound {:.3f} us, gap {:.3g}{}, {} states\n",
      diagram.count().log10, diagram.is_exact() ? "" : " at least", diagram.states(), best_s * 1e6,
      found, last_s * 1e6, ordered, quotient_ms, build_ms, list_ms, extract_ms,
      extraction.best.cost_s * 1e6, extraction.lower_bound_s * 1e6, extraction.gap(),
      extraction.is_exact ? ", exact" : "", extraction.states);
}

}  // namespace
}  // namespace paceline::search

int main(int argc, char** argv) {
  CLI::App app{"The search over spaces of one transformer layer."};
  paceline::search::LayerOptions options;
  paceline::search::Limits limits;
  int paths = 1000;
  std::uint64_t seed = 1;
  app.add_option("--layouts", options.layouts, "Layouts of each value");
  app.add_option("--kernels", options.kernels, "Rival kernels");
  app.add_option("--chain", options.chain, "Factors of regrouped products");
  app.add_option("--view-cost", options.view_cost_s, "Seconds of a view");
  app.add_option("--states", limits.states_max, "States of a diagram");
  app.add_option("--visits", limits.visits_max, "Visits while building one");
  app.add_option("--paths", paths, "Paths to list");
  app.add_option("--seed", seed, "Of the random costs");
  CLI11_PARSE(app, argc, argv);
  paceline::search::print_search(options, limits, paths, seed);
}
