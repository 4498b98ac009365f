#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace paceline::report {

// What a person wants to know of a plan and of the search that chose it: numbers and text only,
// from whoever has them. Absent numbers are nullopt, never zero.

struct Times {
  std::optional<double> predicted_s;
  std::optional<double> low_s;  // Interval of the prediction.
  std::optional<double> high_s;
  std::string origin;  // "measured_here", "interpolated", "roofline".
  std::optional<double> measured_s;
  std::vector<std::string> records = {};  // Ids of the measurements behind.
};

// Another kernel for the same node, or another path for the same graph.
struct Rival {
  std::string name;
  Times times;
  std::optional<double> error_relative;
  std::string verdict;  // Of this against the chosen: "faster", "tied", ..., or why it is out.
  bool is_chosen = false;
};

struct Instruction {
  std::string op;
  std::string label;  // "layers.3.mlp.down_proj"; may be empty.
  std::string kernel;
  std::string device;
  std::vector<std::string> inputs;  // Types: "f32[1,128,1024]".
  std::vector<std::string> outputs;
  Times times;
  std::vector<std::string> rules;  // That made the node, in order; none: it stood in the graph.
  std::vector<Rival> rivals;       // The chosen one among them.
};

// A piece of the arena while instructions `first` to `last` run.
struct Slot {
  std::string name;
  std::int64_t offset = 0;
  std::int64_t bytes = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

struct Memory {
  std::int64_t arena_bytes = 0;
  std::int64_t largest_live_bytes = 0;
  std::int64_t weight_bytes = 0;
  std::int64_t prepared_bytes = 0;  // Made of weights when they are bound.
  std::int64_t state_bytes = 0;
  std::vector<Slot> slots;
};

struct RuleUse {
  std::string name;
  std::int64_t matches = 0;
  std::int64_t applied = 0;
  std::int64_t banned_iterations = 0;
  std::string note;  // What was refused, and why.
};

// The forms of one kind of region.
struct RegionSearch {
  std::string name;
  int count = 1;  // Of such regions in the graph.
  std::int64_t graph_nodes = 0;
  std::int64_t classes = 0;
  std::int64_t nodes = 0;
  int iterations = 0;
  std::string stopped_by;
  std::string cut;  // What the budget cut, in words; empty: nothing.
  std::vector<RuleUse> rules;
};

struct SearchReport {
  std::vector<RegionSearch> regions;
  std::optional<double> paths_log10;  // Of the number of distinct paths.
  bool are_more_paths = false;        // That number is a lower bound.
  std::optional<double> best_s;       // Predicted, of the path that extraction found.
  std::optional<double> lower_bound_s;
  std::optional<double> gap;  // Of the two, relative to the bound.
  bool is_exact = false;
  std::int64_t alternatives_cut = 0;  // To be rid of cycles.
  std::int64_t workloads = 0;         // That some path contains.
  std::optional<double> seconds;      // That the search took.
};

struct PathReport {
  std::string title;
  // Machine, bindings, tolerance, ids: what stands at the top of the page, in this order.
  std::vector<std::pair<std::string, std::string>> facts;
  Times total;
  std::vector<Instruction> instructions;
  Memory memory;
  SearchReport search;
  std::vector<Rival> finalists;  // Paths that were timed whole, the newest race first.
};

}  // namespace paceline::report
