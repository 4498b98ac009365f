#include <array>

#include "common/base/error.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

// -scores[target] of each place, weighed; what is to be ignored counts 0.
Value negative_log_likelihood(const Call& call, const Value& scores) {
  if (scores.rank() < 2) throw invalid("classes are missing: {}", scores.type().to_string());
  Value targets = call.in(1).cast(Dtype::i64);
  std::optional<Value> is_ignored;
  if (call.has_attribute("ignore_index")) {
    is_ignored = apply("equal", targets, static_cast<double>(call.integer("ignore_index")));
    targets = select(*is_ignored, like(targets, 0), targets);
  }
  targets = wrapped(targets, scores.dim(1));
  const Value chosen =
      drop_axes(scores.builder().op("gather_elements", {scores, insert_axes(targets, {1})},
                                    {{"axis", std::int64_t{1}}}),
                {1});
  std::optional<Value> weights;
  if (call.has(2)) {
    weights = scores.builder().op("gather", {call.in(2), targets}, {{"axis", std::int64_t{0}}});
  }
  if (is_ignored) {
    const Value ones = like(scores, 1).broadcast(targets.shape());
    weights = select(*is_ignored, like(scores, 0), weights.value_or(ones));
  }
  const Value loss = weights ? -chosen * *weights : -chosen;
  const std::string reduction = call.text("reduction", "mean");
  const Axes axes = all_axes(loss.rank());
  if (reduction == "none") return loss;
  if (reduction == "sum") return reduce("reduce_sum", loss, axes, false);
  if (reduction != "mean") throw invalid("reduction must be none, sum or mean: \"{}\"", reduction);
  if (!weights) return mean(loss, axes, false);
  return reduce("reduce_sum", loss, axes, false) / reduce("reduce_sum", *weights, axes, false);
}

Terms likelihood(Call& call) { return {negative_log_likelihood(call, call.in(0))}; }

Terms cross_entropy(Call& call) {
  const Value x = call.in(0);
  const Value scores = x.builder().op("log_softmax", {x}, {{"axis", std::int64_t{1}}});
  return {negative_log_likelihood(call, scores), scores};
}

constexpr std::array table{
    Translator{"NegativeLogLikelihoodLoss", likelihood},
    Translator{"SoftmaxCrossEntropyLoss", cross_entropy},
};

}  // namespace

std::span<const Translator> loss_translators() { return table; }

}  // namespace paceline::onnx
