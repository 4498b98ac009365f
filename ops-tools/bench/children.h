#pragma once

#include <nlohmann/json_fwd.hpp>

#include "ops-tools/model_request.h"

namespace paceline::bench {

// What runs in a contestant's process: loads, says what it is, and answers until its input ends.
// `request` is Task::to_json and what the kind needs besides.

// Paceline itself, as `run` or `generate` would run it.
void serve_paceline(const ModelRequest& model, const nlohmann::json& request);
// ONNX Runtime: "library" is its file, "optimisation" a level.
void serve_onnx_runtime(const nlohmann::json& request);

}  // namespace paceline::bench
