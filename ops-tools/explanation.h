#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "worker/dispatch/path_report.h"

namespace paceline {

// What `explain` shows of a dispatch, in text and as JSON.
struct Explanation {
  std::string model;
  const Graph& graph;  // As it was dispatched.
  const Bindings& bindings;
  const GraphDispatcher& dispatcher;
  const Dispatched& dispatched;
  std::vector<std::optional<double>> measured_s;  // By node, from a profile; else empty.
  std::optional<Summary> whole;                   // From a profile.
};

// Layers repeat, so equal workloads are shown once, unless every node is asked for.
void print(const Explanation& explanation, bool every_node);
nlohmann::json to_json(const Explanation& explanation);
// Where along the symbol which path takes over, with what was measured there.
nlohmann::json to_json(const MeasuredRanges& measured);

}  // namespace paceline
