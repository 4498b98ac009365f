#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "common/graph/graph.h"
#include "common/models/safetensors.h"

namespace paceline::bench {

// What every contestant is asked to do, as its child reads it: one pass over the same inputs, or a
// prompt and then token by token.
struct Task {
  std::filesystem::path model;
  int threads = 1;
  bool generates = false;
  std::filesystem::path inputs;   // Safetensors; passes only.
  std::filesystem::path outputs;  // Where this contestant's go.
  std::int64_t prompt = 512;      // Tokens of "prefill".
  std::int64_t decoded = 64;      // Tokens of "decode", behind `decode_prompt` others.
  nlohmann::json to_json() const;
};
inline constexpr std::int64_t decode_prompt = 8;

Task read_task(const nlohmann::json& document);

// Token i of every prompt.
inline std::int64_t prompt_token(std::int64_t i, std::int64_t vocabulary) {
  return i * 7919 % vocabulary;
}

// The same on every machine: floats are (i * 7919 mod 2003) / 1001.5 - 1, in [-1, 1]; integers
// i * 7919 modulo `index_bound`, booleans true at every third element but the first.
TensorMap made_inputs(const Graph& graph, const Bindings& bindings, std::int64_t index_bound);

}  // namespace paceline::bench
