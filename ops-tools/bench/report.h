#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "ops-tools/bench/answers.h"
#include "worker/measure/interleave.h"

namespace paceline::bench {

struct PhaseResult {
  Summary seconds;                          // Of the medians of rounds.
  std::optional<Ratio> ratio;               // Of this one's time to Paceline's.
  std::optional<double> roofline_fraction;  // Of what the machine could do.
  std::vector<double> rounds;
};

struct Row {
  std::string peer;
  std::string title;
  std::string version;
  std::string settings;
  std::map<std::string, PhaseResult> phases;
  std::optional<std::int64_t> activation_bytes;
  AnswerComparison answer;  // To ours.
  std::string failure;      // Why it has no times, or no more of them.
  std::vector<std::string> slower_forms;
};

struct Report {
  std::string model;
  int threads = 1;
  int rounds = 0;
  std::optional<std::int64_t> tokens_per_prefill;  // Of generation.
  std::optional<double> roofline_s;
  std::vector<Row> rows;             // Paceline first.
  std::vector<std::string> missing;  // "ort (ONNX Runtime): no libonnxruntime.so ..."
};

nlohmann::json to_json(const Report& report);
std::string to_text(const Report& report);

}  // namespace paceline::bench
