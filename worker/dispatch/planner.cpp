#include "worker/dispatch/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "scheduler/choose/same_work.h"
#include "scheduler/rules/rules.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/program_build.h"

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
  return fmt::format(
      "tolerance {} plain {} regime {} search {} nodes {} iterations {} seconds {} "
      "states {} visits {} rules {} store {}{}",
      options.choose.tolerance, options.choose.plain_only, to_string(options.regime),
      options.search.enabled, budget.nodes, budget.iterations, budget.seconds,
      options.search.limits.states_max, options.search.limits.visits_max, rules,
      store == nullptr ? "none" : store->url(),
      // The kernels, a part of the key, tell the kinds of devices.
      options.choose.cuda_index == 0 ? "" : fmt::format(" cuda:{}", options.choose.cuda_index));
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

Json to_json(const PlanSummary& summary) {
  Json object = {{"path", summary.path.to_string()},   {"basis", to_string(summary.basis)},
                 {"predicted_s", summary.predicted_s}, {"standing_s", summary.standing_s},
                 {"measured", summary.measured},       {"estimated", summary.estimated}};
  if (summary.raced_s) object["raced_s"] = *summary.raced_s;
  if (summary.error_relative) object["error_relative"] = *summary.error_relative;
  return object;
}

std::optional<double> number_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? std::nullopt : std::optional(found->get<double>());
}

PlanSummary parse_summary(const Json& object) {
  const auto path = PathId::parse(object.at("path").get<std::string>());
  const auto basis = parse_basis(object.at("basis").get<std::string>());
  if (!path || !basis) throw invalid("no summary of a plan: {}", object.dump());
  return {.path = *path,
          .basis = *basis,
          .predicted_s = object.at("predicted_s"),
          .standing_s = object.at("standing_s"),
          .measured = object.at("measured"),
          .estimated = object.at("estimated"),
          .raced_s = number_at(object, "raced_s"),
          .error_relative = number_at(object, "error_relative")};
}

// A cached text is a line of JSON and what it describes. Throws `invalid` for one of another graph.
Json take_header(std::string_view& text, GraphId graph) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) throw invalid("no summary of a plan");
  Json header = Json::parse(text.substr(0, end));
  if (header.at("graph") != graph.to_string()) {
    throw invalid("a plan of another graph: {}", header.at("graph").dump());
  }
  text.remove_prefix(end + 1);
  return header;
}

// Plans along a symbol, as they are cached: each is read when it is asked for.
struct CachedVariants {
  struct Variant {
    std::int64_t from = 0;
    PlanSummary summary;  // At `from`.
    std::string plan;
  };
  struct Timed {
    std::int64_t at = 0;
    double raced_s = 0;
    double standing_s = 0;
    double error_relative = 0;
  };

  std::string symbol;
  std::int64_t first = 0;
  std::int64_t last = 0;
  // Of the symbols that do not lead to the file and say how much work there is all the same.
  Bindings others;
  std::vector<Variant> all;
  std::vector<Timed> timed;

  const Variant& serving(std::int64_t at) const {
    std::size_t index = 0;
    while (index + 1 < all.size() && all[index + 1].from <= at) ++index;
    return all[index];
  }
  PlanSummary summary_at(std::int64_t at) const {
    PlanSummary summary = serving(at).summary;
    const auto here = std::ranges::find(timed, at, &Timed::at);
    if (here == timed.end()) return summary;
    summary.basis = Basis::raced;
    summary.raced_s = here->raced_s;
    summary.standing_s = here->standing_s;
    summary.error_relative = here->error_relative;
    return summary;
  }
};

std::string to_text(const CachedVariants& variants, GraphId graph) {
  Json header = {{"graph", graph.to_string()},
                 {"symbol", variants.symbol},
                 {"first", variants.first},
                 {"last", variants.last},
                 {"others", variants.others}};
  std::string plans;
  for (const auto& [from, summary, plan] : variants.all) {
    header["variants"].push_back(
        {{"from", from}, {"bytes", plan.size()}, {"summary", to_json(summary)}});
    plans += plan;
  }
  for (const CachedVariants::Timed& timed : variants.timed) {
    header["timed"].push_back({{"at", timed.at},
                               {"raced_s", timed.raced_s},
                               {"standing_s", timed.standing_s},
                               {"error_relative", timed.error_relative}});
  }
  return header.dump() + "\n" + plans;
}

CachedVariants parse_variants(std::string_view text, GraphId graph) {
  const Json header = take_header(text, graph);
  CachedVariants variants{.symbol = header.at("symbol"),
                          .first = header.at("first"),
                          .last = header.at("last"),
                          .others = header.at("others").get<Bindings>()};
  for (const Json& variant : header.at("variants")) {
    const std::size_t bytes = variant.at("bytes");
    if (bytes > text.size()) throw invalid("plans that end early: {} bytes", text.size());
    variants.all.push_back({variant.at("from"), parse_summary(variant.at("summary")),
                            std::string(text.substr(0, bytes))});
    text.remove_prefix(bytes);
  }
  for (const Json& timed : header.at("timed")) {
    variants.timed.push_back(
        {timed.at("at"), timed.at("raced_s"), timed.at("standing_s"), timed.at("error_relative")});
  }
  if (variants.all.empty()) throw invalid("no plans along {}", variants.symbol);
  return variants;
}

// Other bindings of these have the same plans.
void erase(Bindings& bindings, const std::set<std::string>& symbols) {
  for (const std::string& symbol : symbols) bindings.erase(symbol);
}

// One request: what it asks for, and where answers may be cached.
class Planner {
 public:
  Planner(const Graph& graph, const Bindings& bindings, GraphDispatcher& dispatcher,
          const OpSet& ops, std::span<const Kernel> kernels, Store* store, const PlanCache* cache,
          const std::function<void()>& before_choosing)
      : graph_(graph),
        bindings_(bindings),
        dispatcher_(dispatcher),
        ops_(ops),
        kernels_(kernels),
        before_choosing_(before_choosing),
        cache_(dispatcher.options().choose.on_miss == OnMiss::estimate ? cache : nullptr),
        id_(graph.id()) {
    if (cache_ != nullptr) key_ = plan_key(graph, bindings, dispatcher, kernels, store);
  }

  Planned one() {
    if (auto planned = find_one()) return *std::move(planned);
    if (const auto variants = find_along()) {
      if (auto planned = pick(*variants)) {
        planned->is_cached = true;
        return *std::move(planned);
      }
    }
    if (before_choosing_) before_choosing_();
    const std::optional<MeasuredRanges> ranges = dispatcher_.ranges(prepared(), bindings_);
    if (const auto variants = compile_along(ranges)) {
      if (auto planned = pick(*variants)) return *std::move(planned);
    }
    return choose_one(ranges);
  }

  PlannedVariants several() {
    if (const auto variants = find_along(); variants && pick(*variants)) {
      return all_of(*variants, true);
    }
    if (auto planned = find_one()) return alone(*std::move(planned));
    if (before_choosing_) before_choosing_();
    const std::optional<MeasuredRanges> ranges = dispatcher_.ranges(prepared(), bindings_);
    if (const auto variants = compile_along(ranges); variants && pick(*variants)) {
      return all_of(*variants, false);
    }
    return alone(choose_one(ranges));
  }

 private:
  const Graph& prepared() {
    if (!prepared_) prepared_ = prepare(graph_, ops_, kernels_);
    return *prepared_;
  }

  Plan compiled(const Path& path, const Bindings& bindings) const {
    return compile(path, ops_, kernels_, bindings, {.threads = dispatcher_.options().threads});
  }

  static PlannedVariants alone(Planned planned) {
    return {.variants = one_plan(std::move(planned.plan)),
            .summaries = {planned.summary},
            .is_cached = planned.is_cached};
  }

  PlannedVariants all_of(const CachedVariants& variants, bool is_cached) const {
    PlannedVariants planned{
        .variants = {variants.symbol, {}}, .summaries = {}, .is_cached = is_cached};
    for (const auto& [from, summary, text] : variants.all) {
      const bool is_first = planned.variants.all.empty();
      planned.variants.all.push_back({is_first ? 0 : from, parse_plan(text, ops_)});
      planned.summaries.push_back(summary);
    }
    return planned;
  }

  Planned choose_one(const std::optional<MeasuredRanges>& ranges) {
    const Dispatched dispatched = dispatcher_.dispatch(prepared(), bindings_, ranges);
    Planned planned{.plan = compiled(dispatched.decision.path, bindings_),
                    .summary = summary_of(dispatched)};
    if (dispatched.is_cut_short) {
      log::warning("search-cut-short",
                   {{"graph", graph_.name()}, {"so", "its plan is not cached"}});
    } else if (cache_ != nullptr) {
      Json header = {{"graph", id_.to_string()}, {"summary", to_json(planned.summary)}};
      cache_->put(key_, header.dump() + "\n" + paceline::to_text(planned.plan));
    }
    return planned;
  }

  // What this program wrote under the same key, unless somebody changed it.
  template <typename Read>
  auto read_cached(const PlanKey& key, const Read& read) const
      -> std::optional<decltype(read(std::string_view()))> {
    if (cache_ == nullptr) return std::nullopt;
    const auto text = cache_->find(key);
    if (!text) return std::nullopt;
    try {
      return read(std::string_view(*text));
    } catch (const std::exception& error) {
      log::warning("cached-plan-refused",
                   {{"path", cache_->path_of(key).string()}, {"why", error.what()}});
      return std::nullopt;
    }
  }

  std::optional<Planned> find_one() const {
    return read_cached(key_, [&](std::string_view text) {
      const Json header = take_header(text, id_);
      Planned planned{.plan = parse_plan(text, ops_),
                      .summary = parse_summary(header.at("summary")),
                      .is_cached = true};
      validate(planned.plan, ops_, kernels_, bindings_);
      return planned;
    });
  }

  // Where plans along a symbol are: what the graph as it was given reserves is no part of it.
  PlanKey key_along(const std::string& symbol, const std::set<std::string>& reserved) const {
    PlanKey key = key_;
    erase(key.bindings, reserved);
    key.bindings.erase(symbol);
    key.options += " along " + symbol;
    return key;
  }

  std::optional<CachedVariants> find_along() const {
    if (cache_ == nullptr) return std::nullopt;
    const std::set<std::string> reserved = SameWork(graph_, ops_).reserved();
    for (const auto& [symbol, at] : bindings_) {
      if (reserved.contains(symbol)) continue;
      auto found = read_cached(key_along(symbol, reserved),
                               [&](std::string_view text) { return parse_variants(text, id_); });
      if (!found || at < found->first || at > found->last) continue;
      if (std::ranges::all_of(found->others, [&](const auto& other) {
            const auto here = bindings_.find(other.first);
            return here != bindings_.end() && here->second == other.second;
          })) {
        return found;
      }
    }
    return std::nullopt;
  }

  std::optional<CachedVariants> compile_along(const std::optional<MeasuredRanges>& ranges) {
    if (!ranges) return std::nullopt;
    try {
      CachedVariants variants = compiled_along(*ranges);
      if (cache_ != nullptr) keep_along(variants);
      return variants;
    } catch (const Error& error) {
      // A kernel or an op that this program does not have (any more).
      log::warning("plan-variants-refused", {{"why", error.what()}});
      return std::nullopt;
    }
  }

  void keep_along(CachedVariants& variants) {
    const std::set<std::string> reserved = SameWork(graph_, ops_).reserved();
    const std::set<std::string> reserved_clean = SameWork(prepared(), ops_).reserved();
    for (const std::string& symbol : reserved) {
      const auto bound = bindings_.find(symbol);
      if (bound != bindings_.end() && !reserved_clean.contains(symbol)) {
        variants.others.insert(*bound);
      }
    }
    cache_->put(key_along(variants.symbol, reserved), to_text(variants, id_));
  }

  CachedVariants compiled_along(const MeasuredRanges& measured) const {
    const PathRanges& ranges = measured.ranges;
    CachedVariants variants{.symbol = measured.symbol,
                            .first = ranges.timed.front().at,
                            .last = ranges.timed.back().at};
    for (const PathRange& range : ranges.all) {
      // As it was timed: what this request reserves may be too little at that size.
      const Bindings& from = range.measured.bindings;
      Dispatched dispatched = dispatcher_.dispatch_path(range.measured.path, from);
      dispatched.basis = Basis::ranged;
      dispatched.raced = range.measured;
      PlanSummary summary = summary_of(dispatched);
      summary.raced_s.reset();
      variants.all.push_back(
          {range.from, summary, paceline::to_text(compiled(dispatched.decision.path, from))});
    }
    for (const PathRanges::Timed& timed : ranges.timed) {
      variants.timed.push_back({timed.at, timed.serving.summary.median_s,
                                timed.standing ? timed.standing->summary.median_s : 0,
                                timed.serving.error_relative});
    }
    return variants;
  }

  // Empty when its kernels do not take this size.
  std::optional<Planned> pick(const CachedVariants& variants) const {
    const std::int64_t at = bindings_.at(variants.symbol);
    try {
      Planned planned{.plan = parse_plan(variants.serving(at).plan, ops_),
                      .summary = variants.summary_at(at)};
      validate(planned.plan, ops_, kernels_, bindings_);
      return planned;
    } catch (const Error& error) {
      log::warning("plan-variant-refused",
                   {{"symbol", variants.symbol}, {"value", at}, {"why", error.what()}});
      return std::nullopt;
    }
  }

  const Graph& graph_;
  const Bindings& bindings_;
  GraphDispatcher& dispatcher_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  const std::function<void()>& before_choosing_;
  const PlanCache* cache_;
  GraphId id_;
  PlanKey key_;
  std::optional<Graph> prepared_;
};

}  // namespace

PlanKey plan_key(const Graph& graph, const Bindings& bindings, const GraphDispatcher& dispatcher,
                 std::span<const Kernel> kernels, Store* store) {
  const Machine& machine = dispatcher.machine();
  return {
      .graph = graph.id(),
      .bindings = bindings,
      .machine = machine.id(),
      .environment = dispatcher.environment().id(),
      .program = program_build(),
      .kernels = digest_of(kernels),
      .options = words_of(dispatcher.options(), store),
      .generation = store == nullptr ? 0 : store->generation(machine.id(), machine.model_key())};
}

Planned plan(const Graph& graph, const Bindings& bindings, GraphDispatcher& dispatcher,
             const OpSet& ops, std::span<const Kernel> kernels, Store* store,
             const PlanCache* cache, const std::function<void()>& before_choosing) {
  return Planner(graph, bindings, dispatcher, ops, kernels, store, cache, before_choosing).one();
}

PlannedVariants plan_variants(const Graph& graph, const Bindings& bindings,
                              GraphDispatcher& dispatcher, const OpSet& ops,
                              std::span<const Kernel> kernels, Store* store, const PlanCache* cache,
                              const std::function<void()>& before_choosing) {
  return Planner(graph, bindings, dispatcher, ops, kernels, store, cache, before_choosing)
      .several();
}

std::filesystem::path default_plan_folder() {
  if (const char* folder = std::getenv("XDG_CACHE_HOME"); folder != nullptr && *folder != '\0') {
    return std::filesystem::path(folder) / "paceline" / "plans";
  }
  return user_data_folder() / "plans";
}

}  // namespace paceline
