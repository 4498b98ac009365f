#pragma once

#include <cstdint>
#include <string>

#include "common/models/checkpoint.h"

namespace paceline::test {

// The sizes of a decoder of Llama's kind, and which weights it has.
struct DecoderShape {
  std::int64_t vocabulary = 32;
  std::int64_t hidden = 24;
  std::int64_t heads = 4;
  std::int64_t key_heads = 2;
  std::int64_t head_dim = 10;
  std::int64_t intermediate = 20;
  std::int64_t layers = 2;
  std::string prefix = "model.";
  bool is_tied = false;
  bool has_attention_bias = false;
  bool has_mlp_bias = false;
  bool has_head_norms = false;
};

// Zeros: enough to build and validate a graph.
inline Checkpoint made_checkpoint(const DecoderShape& shape) {
  Checkpoint checkpoint{"made", {}};
  const auto add = [&](const std::string& name, Extents extents) {
    checkpoint.tensors.emplace(name, Tensor(Dtype::f32, std::move(extents)));
  };
  const auto add_linear = [&](const std::string& name, std::int64_t outputs, std::int64_t inputs,
                              bool has_bias) {
    add(name + ".weight", {outputs, inputs});
    if (has_bias) add(name + ".bias", {outputs});
  };
  const std::int64_t queries = shape.heads * shape.head_dim;
  const std::int64_t keys = shape.key_heads * shape.head_dim;
  add(shape.prefix + "embed_tokens.weight", {shape.vocabulary, shape.hidden});
  add(shape.prefix + "norm.weight", {shape.hidden});
  if (!shape.is_tied) add("lm_head.weight", {shape.vocabulary, shape.hidden});
  for (std::int64_t i = 0; i < shape.layers; ++i) {
    const std::string layer = shape.prefix + "layers." + std::to_string(i) + ".";
    add(layer + "input_layernorm.weight", {shape.hidden});
    add(layer + "post_attention_layernorm.weight", {shape.hidden});
    add_linear(layer + "self_attn.q_proj", queries, shape.hidden, shape.has_attention_bias);
    add_linear(layer + "self_attn.k_proj", keys, shape.hidden, shape.has_attention_bias);
    add_linear(layer + "self_attn.v_proj", keys, shape.hidden, shape.has_attention_bias);
    add_linear(layer + "self_attn.o_proj", shape.hidden, queries, shape.has_attention_bias);
    if (shape.has_head_norms) {
      add(layer + "self_attn.q_norm.weight", {shape.head_dim});
      add(layer + "self_attn.k_norm.weight", {shape.head_dim});
    }
    add_linear(layer + "mlp.gate_proj", shape.intermediate, shape.hidden, shape.has_mlp_bias);
    add_linear(layer + "mlp.up_proj", shape.intermediate, shape.hidden, shape.has_mlp_bias);
    add_linear(layer + "mlp.down_proj", shape.hidden, shape.intermediate, shape.has_mlp_bias);
  }
  return checkpoint;
}

// The configuration of that shape, without what only some families have.
inline std::string made_config(const DecoderShape& shape, const std::string& type,
                               const std::string& architecture, const std::string& more = "") {
  const auto number = [](const char* key, std::int64_t value) {
    return "\"" + std::string(key) + "\":" + std::to_string(value) + ",";
  };
  return "{" + number("vocab_size", shape.vocabulary) + number("hidden_size", shape.hidden) +
         number("num_attention_heads", shape.heads) +
         number("num_key_value_heads", shape.key_heads) + number("head_dim", shape.head_dim) +
         number("intermediate_size", shape.intermediate) +
         number("num_hidden_layers", shape.layers) +
         "\"tie_word_embeddings\":" + (shape.is_tied ? "true" : "false") + "," + more +
         "\"model_type\":\"" + type + "\",\"architectures\":[\"" + architecture + "\"]}";
}

}  // namespace paceline::test
