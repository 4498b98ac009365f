#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/models/family.h"
#include "common/models/rope.h"

namespace paceline {

// The decoder that Llama and its relatives share: rotary attention over grouped heads and a gated
// MLP, each after an RMS norm and added to the stream. What differs is data.
struct DecoderSpec {
  struct Layer {
    std::int64_t window = 0;  // Positions that a token sees, with its own; 0: all.
    std::size_t rope = 0;     // Of `ropes`.
    bool has_experts = false;
  };
  struct Experts {
    std::int64_t count = 0;
    std::int64_t per_token = 0;
    std::int64_t intermediate = 0;
    bool normalises = false;  // Weights of the chosen experts sum to 1.
  };

  std::int64_t vocabulary = 0;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;
  std::int64_t key_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t intermediate = 0;
  std::string activation;
  double norm_epsilon = 1e-6;
  double norm_offset = 0;      // Added to norm weights.
  double attention_scale = 1;  // Of scores.
  double embedding_scale = 1;
  double logit_softcap = 0;  // 0: none.
  bool is_causal = true;
  bool is_tied = false;
  bool has_attention_bias = false;
  bool has_mlp_bias = false;
  bool has_head_norms = false;  // RMS norms of each query and key.
  bool has_post_norms = false;  // Attention's and the MLP's results are normed, too.
  bool is_fused = false;        // qkv_proj and gate_up_proj in place of one matrix each.
  std::vector<Rope> ropes;
  std::vector<Layer> layers;
  Experts experts;
};

// What a family publishes when its configuration leaves a key out.
struct DecoderDefaults {
  std::int64_t head_dim = 0;  // 0: hidden / heads.
  double rope_theta = 10000;
  bool is_tied = false;
  const char* activation_key = "hidden_act";
  const char* activation = "silu";
};

// What all families spell alike; every layer attends to everything with rope 0.
DecoderSpec read_decoder(const Config& config, const DecoderDefaults& defaults);

void build_decoder(Construction& construction, const DecoderSpec& spec);

}  // namespace paceline
