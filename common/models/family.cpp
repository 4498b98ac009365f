#include "common/models/family.h"

#include "common/base/error.h"

namespace paceline {

namespace {

Value last_position(const Value& x) { return x.slice(1, x.dim(1) - 1, x.dim(1)); }

Value softcap(const Value& x, double cap) {
  return cap == 0 ? x : x.builder().op("tanh", {x / cap}) * cap;
}

}  // namespace

void add_language_head(Construction& construction, const Value& x, const LanguageHead& head) {
  GraphBuilder& builder = construction.weights.builder();
  if (construction.head == Head::none) return builder.output("last_hidden_state", x);
  WeightBinder& weights = construction.weights;
  const Extents extents{construction.model.vocabulary, *x.dim(-1).constant()};
  const bool is_own = weights.has("lm_head.weight") || !head.is_tied;
  const Value weight = weights.get(is_own ? "lm_head.weight" : head.embedding + ".weight", extents);
  const Value rows = construction.form == ModelForm::generate ? last_position(x) : x;
  builder.output("logits", softcap(weights.linear(rows, {weight}, "lm_head"), head.softcap));
}

std::string add_state(Construction& construction, std::int64_t layer, const char* part) {
  std::string name = fmt::format("cache.{}.{}", layer, part);
  if (construction.form == ModelForm::generate) construction.model.states.push_back(name);
  return name;
}

}  // namespace paceline
