#include "worker/dispatch/planner.h"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "scheduler/rules/rules.h"
#include "worker/compile/compile.h"

namespace paceline {
namespace {

using Json = nlohmann::json;

Digest digest_of_rules() {
  Hasher hasher("rules/1");
  for (const egraph::Rule& rule : rules::all_rules()) {
    hasher.add(rule.name).add(rule.left).add(rule.right).add(rule.both_ways);
    hasher.add(to_string(rule.precision));
    for (const std::string& condition : rule.conditions) hasher.add(condition);
  }
  return hasher.finish();
}

std::string words_of(const GraphDispatcher::Options& options, const Store* store) {
  static const std::string rules = digest_of_rules().to_string();
  const egraph::Budget& budget = options.search.budget;
  return fmt::format("tolerance {} plain {} regime {} search {} nodes {} iterations {} seconds {} "
                     "states {} visits {} rules {} store {}",
                     options.choose.tolerance, options.choose.plain_only,
                     to_string(options.regime), options.search.enabled, budget.nodes,
                     budget.iterations, budget.seconds, options.search.limits.states_max,
                     options.search.limits.visits_max, rules,
                     store == nullptr ? "none" : store->url());
}

PlanSummary summary_of(const Dispatched& dispatched) {
  PlanSummary summary{.path = dispatched.decision.path.id(),
                      .basis = dispatched.basis,
                      .predicted_s = dispatched.decision.predicted_s,
                      .standing_s = dispatched.standing_s,
                      .measured = dispatched.decision.measured,
                      .estimated = dispatched.decision.estimated};
  if (dispatched.raced) {
    summary.raced_s = dispatched.raced->summary.median_s;
    summary.error_relative = dispatched.raced->error_relative;
  }
  return summary;
}

std::string to_line(const PlanSummary& summary) {
  Json line = {{"path", summary.path.to_string()}, {"basis", to_string(summary.basis)},
               {"predicted_s", summary.predicted_s}, {"standing_s", summary.standing_s},
               {"measured", summary.measured}, {"estimated", summary.estimated}};
  if (summary.raced_s) line["raced_s"] = *summary.raced_s;
  if (summary.error_relative) line["error_relative"] = *summary.error_relative;
  return line.dump() + "\n";
}

std::optional<double> number_at(const Json& line, const char* name) {
  const auto found = line.find(name);
  return found == line.end() ? std::nullopt : std::optional(found->get<double>());
}

PlanSummary parse_line(std::string_view text) {
  const Json line = Json::parse(text);
  const auto path = PathId::parse(line.at("path").get<std::string>());
  const auto basis = parse_basis(line.at("basis").get<std::string>());
  if (!path || !basis) throw invalid("no summary of a plan: {}", text);
  return {.path = *path,
          .basis = *basis,
          .predicted_s = line.at("predicted_s"),
          .standing_s = line.at("standing_s"),
          .measured = line.at("measured"),
          .estimated = line.at("estimated"),
          .raced_s = number_at(line, "raced_s"),
          .error_relative = number_at(line, "error_relative")};
}

// What this program wrote under the same key, unless somebody changed it.
std::optional<Planned> read_cached(const std::string& text, const Bindings& bindings,
                                   const OpSet& ops, std::span<const Kernel> kernels) {
  try {
    const std::size_t end = text.find('\n');
    if (end == std::string::npos) throw invalid("no summary of a plan");
    Planned planned{.plan = parse_plan(std::string_view(text).substr(end + 1), ops),
                    .summary = parse_line(std::string_view(text).substr(0, end)),
                    .is_cached = true};
    validate(planned.plan, ops, kernels, bindings);
    return planned;
  } catch (const std::exception& error) {
    log::warning("cached-plan-refused", {{"why", error.what()}});
    return std::nullopt;
  }
}

}  // namespace

Planned plan(const Graph& graph, const Bindings& bindings, GraphDispatcher& dispatcher,
             const OpSet& ops, std::span<const Kernel> kernels, Store* store,
             const PlanCache* cache) {
  const GraphDispatcher::Options& options = dispatcher.options();
  if (options.choose.on_miss != OnMiss::estimate) cache = nullptr;
  PlanKey key;
  if (cache != nullptr) {
    key = {.graph = graph.id(),
           .bindings = bindings,
           .machine = dispatcher.machine().id(),
           .environment = dispatcher.environment().id(),
           .kernels = digest_of(kernels),
           .options = words_of(options, store),
           .generation = store == nullptr ? 0 : store->generation(dispatcher.machine().id(),
                                                                dispatcher.machine().model_key())};
    if (const auto text = cache->find(key)) {
      if (auto planned = read_cached(*text, bindings, ops, kernels)) return *std::move(planned);
    }
  }
  const Graph prepared = prepare(graph, ops, kernels);
  const Dispatched dispatched = dispatcher.dispatch(prepared, bindings);
  Planned planned{.plan = compile(dispatched.decision.path, ops, kernels, bindings,
                                  {.threads = options.threads}),
                  .summary = summary_of(dispatched)};
  if (cache != nullptr) cache->put(key, to_line(planned.summary) + to_text(planned.plan));
  return planned;
}

std::filesystem::path default_plan_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder != '\0') {
    return std::filesystem::path(folder) / "paceline" / "plans";
  }
  return user_data_folder() / "plans";
}

}  // namespace paceline
