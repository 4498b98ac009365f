#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/id_prefix.h"
#include "ops-tools/model_request.h"
#include "worker/dispatch/path_finder.h"

namespace paceline {
namespace {

struct PathsArguments {
  ModelRequest request;
  bool count = false;
  int best = 0;
  int sample = 0;
  std::uint64_t seed = 1;
  bool text = false;
};

nlohmann::json to_json(const search::Count& count) {
  nlohmann::json document = {{"log10", count.log10}, {"is_lower_bound", count.is_lower_bound}};
  if (count.exact) document["exact"] = *count.exact;
  return document;
}

nlohmann::json to_json(const paths::RegionReport& region) {
  nlohmann::json rules = nlohmann::json::object();
  for (const egraph::RuleReport& rule : region.search.rules) {
    if (rule.applied == 0 && rule.banned_iterations == 0) continue;
    rules[rule.name] = {{"matches", rule.matches},
                        {"applied", rule.applied},
                        {"banned_iterations", rule.banned_iterations}};
  }
  return {{"count", region.count},
          {"graph_nodes", region.graph_nodes},
          {"terms", region.search.nodes},
          {"classes", region.search.classes},
          {"iterations", region.search.iterations},
          {"stopped_by", to_string(region.search.stopped_by)},
          {"matches_cut", region.search.matches_cut},
          {"rules", rules}};
}

std::string describe(const search::Count& count) {
  const std::string number =
      count.exact ? fmt::format("{}", *count.exact) : fmt::format("10^{:.2f}", count.log10);
  return (count.is_lower_bound ? "at least " : "") + number;
}

void print_regions(const std::vector<paths::RegionReport>& regions) {
  std::vector<std::vector<std::string>> rows;
  for (const paths::RegionReport& region : regions) {
    rows.push_back({fmt::format("{}", region.count), fmt::format("{}", region.graph_nodes),
                    fmt::format("{}", region.search.nodes),
                    fmt::format("{}", region.search.classes),
                    fmt::format("{}", region.search.iterations),
                    std::string(to_string(region.search.stopped_by))});
  }
  fmt::print("{}", format_table({"regions", "nodes", "terms", "classes", "rounds", "stopped by"},
                                rows));
}

class Paths {
 public:
  explicit Paths(const PathsArguments& arguments)
      : arguments_(arguments),
        options_(arguments.request.dispatch_options()),
        model_(arguments.request.load()),
        bindings_(arguments.request.bound()),
        graph_(prepare(model_.graph, ops::all_ops(), arguments.request.kernels())),
        store_(arguments.request.store.open()) {
    require_bound(graph_, bindings_);
  }

  void execute() {
    GraphDispatcher dispatcher(ops::all_ops(), arguments_.request.kernels(), store_.get(), options_);
    PathFinder finder(dispatcher, ops::all_ops(), arguments_.request.kernels(), graph_, bindings_,
                      {.budget = options_.search.budget,
                       .precision_max = paths::precision_within(options_.choose.tolerance)},
                      options_.search.limits);
    nlohmann::json document = {{"model", arguments_.request.model},
                               {"graph", graph_.id().to_string()},
                               {"bindings", bindings_}};
    std::vector<FoundPath> found;
    if (arguments_.count) document["count"] = to_json(finder.count());
    if (arguments_.best > 0) {
      found = finder.best(arguments_.best);
      document["is_order_exact"] = finder.is_order_exact();
    }
    if (arguments_.sample > 0) found = finder.sample(arguments_.sample, arguments_.seed);
    document["regions"] = nlohmann::json::array();
    for (const auto& region : finder.report()) document["regions"].push_back(to_json(region));
    document["lower_bound_s"] = finder.extraction().lower_bound_s;
    document["best_s"] = finder.extraction().best.cost_s;
    document["paths"] = nlohmann::json::array();
    for (const FoundPath& path : found) {
      document["paths"].push_back({{"id", path.path.id().to_string()},
                                   {"predicted_s", path.predicted_s},
                                   {"nodes", path.path.choices.size()}});
      if (arguments_.text) document["paths"].back()["text"] = to_text(path.path);
    }
    if (arguments_.request.json) {
      fmt::print("{}\n", document.dump(2));
    } else {
      print(finder, found);
    }
  }

 private:
  void print(PathFinder& finder, const std::vector<FoundPath>& found) const {
    print_regions(finder.report());
    if (arguments_.count) fmt::print("\ndistinct paths: {}\n", describe(finder.count()));
    const search::Extraction& extraction = finder.extraction();
    fmt::print("\ncheapest: {} by its kernels, {}\n", format_seconds(extraction.best.cost_s),
               extraction.is_exact
                   ? std::string("none is cheaper")
                   : fmt::format("none is below {} (gap {:.1f} %)",
                                 format_seconds(extraction.lower_bound_s), 100 * extraction.gap()));
    if (found.empty()) return;
    if (arguments_.text) {
      for (const FoundPath& path : found) fmt::print("\n{}", to_text(path.path));
      return;
    }
    std::vector<std::vector<std::string>> rows;
    for (const FoundPath& path : found) {
      rows.push_back({short_id(path.path.id().to_string()), format_seconds(path.predicted_s),
                      fmt::format("{}", path.path.choices.size())});
    }
    fmt::print("\n{}", format_table({"path", "predicted", "kernels"}, rows));
  }

  const PathsArguments& arguments_;
  GraphDispatcher::Options options_;
  Model model_;
  Bindings bindings_;
  Graph graph_;
  std::unique_ptr<Store> store_;
};

}  // namespace

void add_paths_command(CLI::App& app) {
  auto arguments = std::make_shared<PathsArguments>();
  CLI::App* command =
      app.add_subcommand("paths", "Equivalent programs of a model: how many, the best, some");
  arguments->request.add_to(*command);
  arguments->request.add_form_to(*command);
  CLI::Option_group* what = command->add_option_group("what", "One of");
  what->add_flag("--count", arguments->count, "How many distinct paths there are");
  what->add_option("--best", arguments->best, "The K cheapest by predicted time")
      ->check(CLI::Range(1, 100000));
  what->add_option("--sample", arguments->sample, "K paths drawn at random")
      ->check(CLI::Range(1, 100000));
  what->require_option(1);
  command->add_option("--seed", arguments->seed, "Of --sample")->capture_default_str();
  command->add_flag("--text", arguments->text, "Whole paths in text form");
  command->callback([arguments] { Paths(*arguments).execute(); });
}

}  // namespace paceline
