#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "worker/execute/prepared.h"

namespace paceline {

// How a run came to its first result: seconds of each part, and what earlier runs spared it.
struct StartReport {
  double model_s = 0;    // The file read as a graph.
  double plan_s = 0;     // Chosen and compiled, or found.
  double prepare_s = 0;  // Weights packed, or found packed.
  double first_run_s = 0;
  std::optional<double> first_result_s;  // Since the program was started; nullopt: unavailable.
  bool is_plan_cached = false;
  bool is_first_as_they_lie =
      false;  // The first run read the weights unpacked; then came the rest.
  PreparedAccount prepared;
};

nlohmann::json to_json(const StartReport& report);
std::string to_line(const StartReport& report);

}  // namespace paceline
