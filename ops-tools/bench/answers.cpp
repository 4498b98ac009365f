#include "ops-tools/bench/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/base/error.h"
#include "common/models/safetensors.h"

namespace paceline::bench {
namespace {

using nlohmann::json;

// Keeps what was found first.
void differ(AnswerComparison& result, std::string where) {
  if (!result.differs) result.where = std::move(where);
  result.differs = true;
}

std::optional<std::vector<std::int64_t>> tokens_of(const json& said) {
  const auto found = said.find("tokens");
  if (found == said.end() || !found->is_array()) return std::nullopt;
  const bool are_numbers = std::all_of(found->begin(), found->end(),
                                       [](const json& token) { return token.is_number_integer(); });
  if (!are_numbers) return std::nullopt;
  return found->get<std::vector<std::int64_t>>();
}

void compare_tokens(AnswerComparison& result, const json& theirs, const json& ours) {
  const auto reference = tokens_of(ours), tokens = tokens_of(theirs);
  if (!reference) return;
  if (!tokens) return differ(result, "it gives no tokens");
  const auto [place, own] =
      std::mismatch(tokens->begin(), tokens->end(), reference->begin(), reference->end());
  result.tokens_alike = place - tokens->begin();
  if (place != tokens->end() && own != reference->end()) {
    differ(result, fmt::format("token {} is {}, ours is {}", *result.tokens_alike, *place, *own));
  } else if (tokens->size() != reference->size()) {
    differ(result,
           fmt::format("it gives {} tokens, ours are {}", tokens->size(), reference->size()));
  }
}

void compare_output(AnswerComparison& result, const std::string& name, const TensorMap& outputs,
                    const Tensor& reference, double relative_max) {
  const auto found = outputs.find(name);
  if (found == outputs.end()) return differ(result, "it has no output " + name);
  if (found->second.extents() != reference.extents()) {
    return differ(result,
                  fmt::format("{} is {}, ours is {}", name, to_string(found->second.extents()),
                              to_string(reference.extents())));
  }
  const TensorError error = compare(reference.view(), found->second.view());
  const bool is_alike = error.relative <= relative_max;  // Not so for NaN.
  if (!is_alike) {
    differ(result, fmt::format("{}: {:.2g} relative, {:.2g} elementwise", name, error.relative,
                               error.elementwise));
  }
  if (!result.difference || !(error.relative <= result.difference->relative)) {
    result.difference = error;
  }
}

void compare_outputs(AnswerComparison& result, const json& theirs, const json& ours,
                     double relative_max) {
  if (!ours.contains("outputs")) return;
  const TensorMap reference = read_safetensors(ours["outputs"].get<std::string>()).tensors;
  if (!theirs.contains("outputs") || !theirs["outputs"].is_string()) {
    return differ(result, "it gives no outputs");
  }
  TensorMap outputs;
  try {
    outputs = read_safetensors(theirs["outputs"].get<std::string>()).tensors;
  } catch (const Error& error) {
    return differ(result, error.what());
  }
  for (const auto& [name, tensor] : reference) {
    compare_output(result, name, outputs, tensor, relative_max);
  }
}

}  // namespace

AnswerComparison compare_answers(const json& theirs, const json& ours, double relative_max) {
  AnswerComparison result;
  compare_tokens(result, theirs, ours);
  compare_outputs(result, theirs, ours, relative_max);
  return result;
}

}  // namespace paceline::bench
