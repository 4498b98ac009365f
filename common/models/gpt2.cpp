#include <cmath>
#include <utility>

#include "common/base/error.h"
#include "common/models/activation.h"
#include "common/models/family.h"

namespace paceline {

namespace {

struct Gpt2Spec {
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t positions = 0;
  double epsilon = 1e-5;
  std::string activation;
  bool scales_scores = true;
  bool scales_by_layer = false;

  double scale(std::int64_t layer) const {
    const double by_size = scales_scores ? 1 / std::sqrt(static_cast<double>(hidden / heads)) : 1.0;
    return scales_by_layer ? by_size / static_cast<double>(layer + 1) : by_size;
  }
};

Gpt2Spec read_gpt2(const Config& config) {
  if (config.flag_or("add_cross_attention", false)) {
    throw unsupported("{}: add_cross_attention must be false: true", config.source());
  }
  Gpt2Spec spec;
  spec.hidden = config.size("n_embd");
  spec.heads = config.size("n_head");
  derived_head_dim(config, spec.hidden, spec.heads);
  spec.intermediate = config.size_or("n_inner", 4 * spec.hidden);
  spec.layers = config.size("n_layer");
  spec.positions = config.size_or("n_positions", 1024);
  spec.epsilon = config.positive_or("layer_norm_epsilon", 1e-5);
  spec.activation = config.text_or("activation_function", "gelu_new");
  check_activation(spec.activation);
  spec.scales_scores = config.flag_or("scale_attn_weights", true);
  spec.scales_by_layer = config.flag_or("scale_attn_by_inverse_layer_idx", false);
  return spec;
}

// GPT-2 stores its matrices as [inputs, outputs].
Value conv1d(WeightBinder& weights, const Value& x, const std::string& name, std::int64_t outputs) {
  const Value weight = weights.get(name + ".weight", {*x.dim(-1).constant(), outputs});
  const Value bias = weights.get(name + ".bias", {outputs});
  return weights.builder().op("linear", {x, weight, bias}, {{"transpose_weight", false}}, name);
}

Value attend(Construction& construction, const Gpt2Spec& spec, const Pass& pass, const Value& x,
             std::int64_t layer, const std::string& name) {
  const Value qkv = conv1d(construction.weights, x, name + "c_attn", 3 * spec.hidden);
  const auto third = [&](std::int64_t i) {
    return split_heads(qkv.slice(2, i * spec.hidden, (i + 1) * spec.hidden), spec.heads);
  };
  const Value keys = remember(pass, add_state(construction, layer, "key"), third(1));
  const Value values = remember(pass, add_state(construction, layer, "value"), third(2));
  const Value mixed = attention(third(0), keys, values,
                                {.scale = spec.scale(layer), .is_causal = true, .window = 0});
  return conv1d(construction.weights, merge_heads(mixed), name + "c_proj", spec.hidden);
}

Value block(Construction& construction, const Gpt2Spec& spec, const Pass& pass, Value x,
            std::int64_t layer) {
  WeightBinder& weights = construction.weights;
  const std::string name = fmt::format("h.{}.", layer);
  x = x + attend(construction, spec, pass, layer_norm(weights, x, name + "ln_1", spec.epsilon),
                 layer, name + "attn.");
  const Value inner = conv1d(weights, layer_norm(weights, x, name + "ln_2", spec.epsilon),
                             name + "mlp.c_fc", spec.intermediate);
  return x + conv1d(weights, activation(spec.activation, inner), name + "mlp.c_proj", spec.hidden);
}

}  // namespace

void build_gpt2(Construction& construction) {
  const Gpt2Spec spec = read_gpt2(construction.config);
  WeightBinder& weights = construction.weights;
  const Pass pass(construction.form);
  construction.model.vocabulary = construction.config.size("vocab_size");
  construction.model.positions_max = spec.positions;

  const Value tokens = embedding(weights, pass.token_ids(weights.builder()), "wte",
                                 construction.model.vocabulary, spec.hidden);
  const Value places =
      embedding(weights, pass.positions(weights.builder()), "wpe", spec.positions, spec.hidden);
  Value x = tokens + places;
  for (std::int64_t i = 0; i < spec.layers; ++i) x = block(construction, spec, pass, x, i);
  const bool is_tied = construction.config.flag_or("tie_word_embeddings", true);
  add_language_head(construction, layer_norm(weights, x, "ln_f", spec.epsilon), {"wte", is_tied});
}

}  // namespace paceline
