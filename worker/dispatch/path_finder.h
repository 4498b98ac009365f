#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/path.h"
#include "kernels/kernel.h"
#include "scheduler/fusion/fuse.h"
#include "scheduler/paths/path_space.h"
#include "scheduler/search/best_first.h"
#include "scheduler/search/extract.h"
#include "worker/compile/draft.h"
#include "worker/dispatch/dispatch.h"

namespace paceline {

// A path with what it should take by what is known of its kernels, the copies that its layout
// needs included.
struct FoundPath {
  Path path;
  double predicted_s = 0;
  std::vector<std::vector<std::string>> rules;  // By node; empty unless asked to explain.
};

// The equivalent programs of one prepared graph under bindings, priced by what a dispatcher knows.
// Borrows all that it is given. One thread.
class PathFinder {
 public:
  PathFinder(GraphDispatcher& dispatcher, const OpSet& ops, std::span<const Kernel> kernels,
             const Graph& graph, const Bindings& bindings, const paths::SpaceOptions& options,
             const search::Limits& limits, const paths::PricingOptions& pricing = {});
  ~PathFinder();

  // Asks the store again, after something was measured. As ChooseOptions::step_error_max.
  void price(const paths::PricingOptions& pricing,
             double step_error_max = std::numeric_limits<double>::infinity());

  search::Count count();
  // The cheapest by predicted kernels alone, and how far from the best it can be.
  const search::Extraction& extraction();
  // The first `count` distinct paths by predicted cost, cheapest first: those of the space in
  // order, then sorted with the copies that each needs. Where fusing gains something on the best,
  // its fused form is one of them, and so are the forms of fewer steps of the best and of the graph
  // as it stands.
  std::vector<FoundPath> best(int count);
  // The cheapest of the space: what best(1) tries other forms of.
  FoundPath unformed() { return found(extraction().best); }
  std::vector<FoundPath> sample(int count, std::uint64_t seed);
  bool is_order_exact();

  // Of any path of the graph. Throws what lower() does.
  double predict(const Path& path);
  // What a path of the graph copies because layouts ask for it: to be measured, too. The next
  // price() asks the store for them. Throws what lower() does.
  std::vector<Workload> copies(const Path& path);

  const paths::PricingOptions& pricing() const { return pricing_; }
  // How many workloads the space's paths are made of.
  std::int64_t workload_count() const { return workload_count_; }
  // Alternatives left out to be rid of cycles.
  std::int64_t alternatives_cut() const { return priced_.free_of_views->cut(); }
  std::vector<paths::RegionReport> report() const { return space_.report(); }

 private:
  const search::Diagram& diagram();
  FoundPath found(const search::Solution& solution);
  // The graph as it stands, with the best kernels that are known.
  FoundPath standing();
  // The path with the steps of a decoder's layer as one node each, where that is cheaper.
  std::optional<FoundPath> in_steps(const FoundPath& path);
  // Where kernels of several devices are allowed, decides anew what runs where, and what that takes
  // but for copies: the search adds up kernels, and knows no transfers.
  void place(FoundPath& found);
  Draft lowered(const Path& path) const;
  Workload workload_of(const Draft::Step& step) const;
  double cost_s(const Draft::Step& step);
  double transfer_s(const Draft::Step& step);

  GraphDispatcher& dispatcher_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  const Graph& graph_;
  const Bindings& bindings_;
  paths::SpaceOptions options_;
  search::Limits limits_;
  paths::PricingOptions pricing_;
  paths::PathSpace space_;
  std::vector<fusion::Group> steps_;  // Of the graph as it stands.
  std::unique_ptr<CostSource> costs_;
  paths::PricedForms priced_;
  std::int64_t workload_count_ = 0;
  std::vector<Workload> copies_;
  std::optional<search::Diagram> diagram_;
  std::optional<search::Extraction> extraction_;
};

// The rules of this program, compiled once.
const egraph::Rules& path_rules(const OpSet& ops);

}  // namespace paceline
