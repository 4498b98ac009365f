#include <cmath>

#include "common/base/error.h"
#include "common/models/activation.h"
#include "common/models/family.h"

namespace paceline {

namespace {

struct BertSpec {
  std::int64_t vocabulary = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t intermediate = 0;
  std::int64_t layers = 0;
  std::int64_t positions = 0;
  std::int64_t token_types = 0;
  double epsilon = 1e-12;
  std::string activation;
};

BertSpec read_bert(const Config& config) {
  for (const char* key : {"is_decoder", "add_cross_attention"}) {
    if (config.flag_or(key, false)) {
      throw unsupported("{}: {} must be false: true", config.source(), key);
    }
  }
  const std::string kind = config.text_or("position_embedding_type", "absolute");
  if (kind != "absolute") {
    throw unsupported("{}: position_embedding_type must be absolute: {}", config.source(), kind);
  }
  BertSpec spec;
  spec.vocabulary = config.size("vocab_size");
  spec.hidden = config.size("hidden_size");
  spec.heads = config.size("num_attention_heads");
  derived_head_dim(config, spec.hidden, spec.heads);
  spec.intermediate = config.size("intermediate_size");
  spec.layers = config.size("num_hidden_layers");
  spec.positions = config.size_or("max_position_embeddings", 512);
  spec.token_types = config.size_or("type_vocab_size", 2);
  spec.epsilon = config.positive_or("layer_norm_eps", 1e-12);
  spec.activation = config.text_or("hidden_act", "gelu");
  check_activation(spec.activation);
  return spec;
}

// All tokens are of type 0.
Value embed(WeightBinder& weights, const BertSpec& spec, const Pass& pass) {
  GraphBuilder& builder = weights.builder();
  const Value words = embedding(weights, pass.token_ids(builder), "embeddings.word_embeddings",
                                spec.vocabulary, spec.hidden);
  const Value places = embedding(weights, pass.positions(builder), "embeddings.position_embeddings",
                                 spec.positions, spec.hidden);
  const Value type =
      weights.get("embeddings.token_type_embeddings.weight", {spec.token_types, spec.hidden});
  return layer_norm(weights, words + type.slice(0, 0, 1) + places, "embeddings.LayerNorm",
                    spec.epsilon);
}

Value attend(WeightBinder& weights, const BertSpec& spec, const Value& x, const std::string& name) {
  const auto heads = [&](const char* part) {
    return split_heads(linear(weights, x, name + "self." + part, spec.hidden, true), spec.heads);
  };
  const double scale = 1 / std::sqrt(static_cast<double>(spec.hidden / spec.heads));
  const Value q = heads("query");
  const Value k = heads("key");
  const Value v = heads("value");
  const Value mixed = attention(q, k, v, {.scale = scale, .is_causal = false, .window = 0});
  return linear(weights, merge_heads(mixed), name + "output.dense", spec.hidden, true);
}

// Norms stand after the additions.
Value layer(WeightBinder& weights, const BertSpec& spec, Value x, std::int64_t index) {
  const std::string name = fmt::format("encoder.layer.{}.", index);
  x = layer_norm(weights, x + attend(weights, spec, x, name + "attention."),
                 name + "attention.output.LayerNorm", spec.epsilon);
  const Value inner = activation(
      spec.activation, linear(weights, x, name + "intermediate.dense", spec.intermediate, true));
  const Value outer = linear(weights, inner, name + "output.dense", spec.hidden, true);
  return layer_norm(weights, x + outer, name + "output.LayerNorm", spec.epsilon);
}

Value masked_language_head(WeightBinder& weights, const BertSpec& spec, const Value& x) {
  const std::string name = "cls.predictions.";
  Value y =
      activation(spec.activation, linear(weights, x, name + "transform.dense", spec.hidden, true));
  y = layer_norm(weights, y, name + "transform.LayerNorm", spec.epsilon);
  const std::string decoder = name + "decoder.weight";
  const Value weight =
      weights.get(weights.has(decoder) ? decoder : "embeddings.word_embeddings.weight",
                  {spec.vocabulary, spec.hidden});
  const Value bias = weights.get(name + "bias", {spec.vocabulary});
  return weights.builder().op("linear", {y, weight, bias}, {}, name + "decoder");
}

}  // namespace

void build_bert(Construction& construction) {
  const BertSpec spec = read_bert(construction.config);
  WeightBinder& weights = construction.weights;
  construction.model.vocabulary = spec.vocabulary;
  construction.model.positions_max = spec.positions;

  Value x = embed(weights, spec, Pass(construction.form));
  for (std::int64_t i = 0; i < spec.layers; ++i) x = layer(weights, spec, x, i);
  if (construction.head == Head::masked) {
    weights.builder().output("logits", masked_language_head(weights, spec, x));
  } else {
    weights.builder().output("last_hidden_state", x);
  }
}

}  // namespace paceline
