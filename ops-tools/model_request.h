#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/device.h"
#include "common/models/model.h"
#include "kernels/kernel.h"
#include "ops-tools/command.h"
#include "scheduler/choose/choose.h"
#include "worker/dispatch/dispatch.h"
#include "worker/dispatch/plan_cache.h"
#include "worker/execute/packed_cache.h"

namespace paceline {

// What `run`, `generate`, `explain` and `measure` ask alike: which model, and how its path is
// chosen.
struct ModelRequest {
  std::string model;
  std::string form = "forward";  // Or "generate".
  std::vector<std::string> bindings;
  StoreOption store;
  std::string dtype;
  std::vector<std::string> fixed_inputs;  // NAME=FILE.
  std::string device = "cpu";
  double tolerance = 1e-4;
  std::string on_miss = "estimate";
  int threads = 1;
  bool no_search = false;
  std::int64_t search_nodes = egraph::Budget{}.nodes;
  double search_seconds = egraph::Budget{}.seconds;
  std::string plan_cache;  // A folder, or "none"; empty: in the user's data folder.
  bool json = false;

  void add_to(CLI::App& command);
  void add_form_to(CLI::App& command);

  // Throws `invalid` for an unknown dtype, or for inputs to fix that are not in their files.
  // Where a GPU may be used and `picks` holds, a generate form picks the tokens (greedy_form()).
  Model load(ModelForm form, bool picks = true) const;
  // As `form` and `bindings` ask: what `run`, or `generate`, plans under these.
  Model load() const;
  Bindings bound() const { return parse_bindings(bindings); }
  // Those of `device`; throws `unsupported` with the reason for a GPU that cannot be used.
  std::span<const Kernel> kernels() const;
  // Throws `invalid` for a bad value of any option above, and what kernels() does.
  GraphDispatcher::Options dispatch_options() const;
  std::optional<PlanCache> open_plan_cache() const;
  // Weights as plans prepare them, in a folder within that of the plans; null without one.
  std::shared_ptr<PackedCache> open_packed_cache() const;
};

// Throws `invalid` naming the first symbol of the graph that is not bound, with the remedy.
void require_bound(const Graph& graph, const Bindings& bindings);

}  // namespace paceline
