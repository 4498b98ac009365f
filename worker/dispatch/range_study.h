#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "worker/dispatch/path_study.h"

namespace paceline {

// Values of one symbol, both included.
struct SymbolRange {
  std::string symbol;
  std::int64_t first = 1;
  std::int64_t last = 1;
};

struct RangeStudyOptions {
  PathStudyOptions at_anchor = {};
  RaceBudget between = {};  // Of the race of two paths at a value between two anchors.
};

struct RangeStudy {
  std::optional<MeasuredRanges> ranges;  // Of all that the store has of the graph; empty when the
                                         // range is one value, or nothing ran.
  int workloads_measured = 0;
  int sittings = 0;  // Between anchors.
};

// Settles by measurement which path of a prepared graph is the fastest where along a range: holds
// study_paths() at anchors_of() it, with the path of the anchor below as a rival, and between two
// anchors with different paths finds the value where the other takes over by racing both whole, as
// find_switch() asks. Stores all of it as it comes, so that a study that ends early leaves what it
// has. `bindings` are those of all other symbols; `draw` gives what paths run on.
RangeStudy study_range(GraphDispatcher& dispatcher, const OpSet& ops,
                       std::span<const Kernel> kernels, Store& store, const Graph& graph,
                       const Bindings& bindings, const SymbolRange& range,
                       const std::function<RaceData(const Bindings&)>& draw,
                       const RangeStudyOptions& options,
                       const std::function<void(std::string_view)>& note);

}  // namespace paceline
