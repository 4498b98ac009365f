#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "common/graph/plan_variants.h"
#include "worker/dispatch/dispatch.h"
#include "worker/dispatch/plan_cache.h"

namespace paceline {

// What a plan rests on, in numbers that outlive the search.
struct PlanSummary {
  PathId path;
  Basis basis = Basis::standing;
  double predicted_s = 0;
  double standing_s = 0;  // As Dispatched::standing_s.
  int measured = 0;       // Kernels whose choice rests on a measurement here.
  int estimated = 0;
  std::optional<double> raced_s;
  std::optional<double> error_relative;
};

struct Planned {
  Plan plan;
  PlanSummary summary;
  bool is_cached = false;
};

// The plans of one graph along a symbol.
struct PlannedVariants {
  PlanVariants variants;
  std::vector<PlanSummary> summaries;  // One for each.
  bool is_cached = false;
};

// By what a plan is cached. `store` may be null.
PlanKey plan_key(const Graph& graph, const Bindings& bindings, const GraphDispatcher& dispatcher,
                 std::span<const Kernel> kernels, Store* store);

// The plan of an imported graph: from the cache while the store has nothing newer, else chosen and
// compiled anew. `cache` may be null. Nothing is cached that was measured or refused on a miss, or
// that the search's clock cut short.
// Where paths were timed along a symbol, the plans of all its values are cached together.
// `before_choosing`, where given, is called once nothing cached serves: what the plan will need of
// the weights may then be read while it is chosen.
Planned plan(const Graph& graph, const Bindings& bindings, GraphDispatcher& dispatcher,
             const OpSet& ops, std::span<const Kernel> kernels, Store* store,
             const PlanCache* cache, const std::function<void()>& before_choosing = {});

// As plan(), with the plans that serve other values of the symbol along which paths were timed;
// where none were, the one plan for all.
PlannedVariants plan_variants(const Graph& graph, const Bindings& bindings,
                              GraphDispatcher& dispatcher, const OpSet& ops,
                              std::span<const Kernel> kernels, Store* store, const PlanCache* cache,
                              const std::function<void()>& before_choosing = {});

// Where plans are cached unless told otherwise: below XDG_CACHE_HOME, or the user's data folder.
std::filesystem::path default_plan_folder();

}  // namespace paceline
