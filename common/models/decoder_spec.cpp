#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/models/activation.h"
#include "common/models/decoder.h"

namespace paceline {

namespace {

constexpr std::int64_t layers_max = 100'000;
constexpr std::int64_t head_dim_max = 65'536;

constexpr auto full = "full_attention";
constexpr auto sliding = "sliding_attention";

void read_heads(DecoderSpec& spec, const Config& config, std::int64_t head_dim_default) {
  spec.heads = config.size("num_attention_heads");
  spec.key_heads = config.size_or("num_key_value_heads", spec.heads);
  if (spec.heads % spec.key_heads != 0) {
    throw invalid("{}: num_key_value_heads must divide num_attention_heads: {} and {}",
                  config.source(), spec.key_heads, spec.heads);
  }
  if (config.has("head_dim")) {
    spec.head_dim = config.size("head_dim");
  } else {
    spec.head_dim = head_dim_default != 0 ? head_dim_default
                                          : derived_head_dim(config, spec.hidden, spec.heads);
  }
  if (spec.head_dim > head_dim_max) {
    throw invalid("{}: a head must have at most {} elements: {}", config.source(), head_dim_max,
                  spec.head_dim);
  }
  spec.attention_scale = 1 / std::sqrt(static_cast<double>(spec.head_dim));
}

std::int64_t window_of(const Config& config) { return config.size("sliding_window"); }

void slide_everywhere(DecoderSpec& spec, std::int64_t window) {
  for (DecoderSpec::Layer& layer : spec.layers) layer.window = window;
}

// `layer_types`, or what `is_sliding` says where the key is left out.
template <typename IsSliding>
std::vector<std::string> layer_types(const Config& config, std::size_t count,
                                     IsSliding is_sliding) {
  std::vector<std::string> types = config.texts("layer_types");
  if (!config.has("layer_types")) {
    for (std::size_t i = 0; i < count; ++i) types.push_back(is_sliding(i) ? sliding : full);
  }
  if (types.size() != count) {
    throw invalid("{}: layer_types must name each of {} layers: {}", config.source(), count,
                  types.size());
  }
  for (const std::string& type : types) {
    if (type != full && type != sliding) {
      throw invalid("{}: layer_types must be {} or {}: {}", config.source(), full, sliding, type);
    }
  }
  return types;
}

void read_experts(DecoderSpec& spec, const Config& config) {
  spec.experts = {
      .count = config.size(config.has("num_experts") ? "num_experts" : "num_local_experts"),
      .per_token = config.size_or("num_experts_per_tok", 8),
      .intermediate = config.size("moe_intermediate_size"),
      .normalises = config.flag_or("norm_topk_prob", false),
  };
  if (spec.experts.per_token > spec.experts.count) {
    throw invalid("{}: num_experts_per_tok must be at most the number of experts: {} and {}",
                  config.source(), spec.experts.per_token, spec.experts.count);
  }
  const std::vector<std::int64_t> dense = config.integers("mlp_only_layers");
  const std::int64_t step = config.size_or("decoder_sparse_step", 1);
  for (std::size_t i = 0; i < spec.layers.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    const bool is_dense = std::find(dense.begin(), dense.end(), index) != dense.end();
    spec.layers[i].has_experts = !is_dense && (index + 1) % step == 0;
  }
}

DecoderSpec read_qwen3(const Config& config) {
  DecoderSpec spec = read_decoder(config, {.head_dim = 128});
  spec.has_attention_bias = config.flag_or("attention_bias", false);
  spec.has_head_norms = true;
  return spec;
}

}  // namespace

DecoderSpec read_decoder(const Config& config, const DecoderDefaults& defaults) {
  DecoderSpec spec;
  spec.vocabulary = config.size("vocab_size");
  spec.hidden = config.size("hidden_size");
  spec.intermediate = config.size("intermediate_size");
  spec.layers.resize(config.size("num_hidden_layers", layers_max));
  read_heads(spec, config, defaults.head_dim);
  spec.activation = config.text_or(defaults.activation_key, defaults.activation);
  check_activation(spec.activation);
  spec.norm_epsilon = config.positive_or("rms_norm_eps", 1e-6);
  spec.is_tied = config.flag_or("tie_word_embeddings", defaults.is_tied);
  spec.ropes = {read_rope(config, full, spec.head_dim, defaults.rope_theta)};
  return spec;
}

void build_llama(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_decoder(config, {});
  spec.has_attention_bias = config.flag_or("attention_bias", false);
  spec.has_mlp_bias = config.flag_or("mlp_bias", false);
  build_decoder(construction, spec);
}

void build_mistral(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_decoder(config, {});
  // The first releases left the key out and meant 4096; null means none.
  if (!config.is_null("sliding_window")) {
    slide_everywhere(spec, config.size_or("sliding_window", 4096));
  }
  build_decoder(construction, spec);
}

void build_phi3(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_decoder(config, {});
  spec.is_fused = true;
  if (config.has("sliding_window")) slide_everywhere(spec, window_of(config));
  build_decoder(construction, spec);
}

void build_qwen3(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_qwen3(config);
  const bool slides = config.flag_or("use_sliding_window", false) && config.has("sliding_window");
  const auto first = static_cast<std::size_t>(config.count_or("max_window_layers", 28));
  const auto types =
      layer_types(config, spec.layers.size(), [&](std::size_t i) { return slides && i >= first; });
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != sliding) continue;
    if (!slides) {
      throw invalid(
          "{}: layer_types has sliding_attention, so use_sliding_window must be true and "
          "sliding_window set: layer {}",
          config.source(), i);
    }
    spec.layers[i].window = window_of(config);
  }
  build_decoder(construction, spec);
}

void build_qwen3_moe(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_qwen3(config);
  if (config.flag_or("use_sliding_window", false) && config.has("sliding_window")) {
    slide_everywhere(spec, window_of(config));
  }
  read_experts(spec, config);
  build_decoder(construction, spec);
}

// `attn_logit_softcapping` is not read: the public implementation of Gemma 3 never applies it.
void build_gemma3(Construction& construction) {
  const Config& config = construction.config;
  DecoderSpec spec = read_decoder(config, {.head_dim = 256,
                                           .rope_theta = 1e6,
                                           .is_tied = true,
                                           .activation_key = "hidden_activation",
                                           .activation = "gelu_pytorch_tanh"});
  spec.norm_offset = 1;
  spec.has_head_norms = true;
  spec.has_post_norms = true;
  spec.has_attention_bias = config.flag_or("attention_bias", false);
  spec.attention_scale = 1 / std::sqrt(config.positive_or("query_pre_attn_scalar", 256));
  spec.embedding_scale = std::sqrt(static_cast<double>(spec.hidden));
  spec.logit_softcap = config.positive_or("final_logit_softcapping", 0);
  spec.is_causal = !config.flag_or("use_bidirectional_attention", false);

  std::int64_t window = config.size_or("sliding_window", 4096);
  if (!spec.is_causal) window = window / 2 + 1;
  const std::int64_t pattern =
      config.size_or("sliding_window_pattern", config.size_or("_sliding_window_pattern", 6));
  const auto types = layer_types(config, spec.layers.size(), [&](std::size_t i) {
    return static_cast<std::int64_t>(i + 1) % pattern != 0;
  });
  spec.ropes.push_back(read_local_rope(config, spec.head_dim));
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] == sliding) spec.layers[i] = {.window = window, .rope = 1};
  }
  build_decoder(construction, spec);
}

}  // namespace paceline
