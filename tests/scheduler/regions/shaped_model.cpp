#include "tests/scheduler/regions/shaped_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "common/models/hugging_face.h"

namespace paceline::test {

namespace {

// Every weight is a view of the same zeros.
class Weights {
 public:
  Weights() : zeros_(std::make_shared<const Tensor>(Dtype::bf16, Extents{1 << 22})) {}

  void add(const std::string& name, Extents extents) {
    checkpoint.tensors.emplace(name,
                               Tensor(Dtype::bf16, std::move(extents), zeros_, zeros_->data()));
  }

  Checkpoint checkpoint{"shaped", {}};

 private:
  std::shared_ptr<const Tensor> zeros_;
};

void add_layer(Weights& weights, const DecoderSizes& sizes, const std::string& name) {
  const std::int64_t queries = std::int64_t{sizes.heads} * sizes.head_dim;
  const std::int64_t keys = std::int64_t{sizes.key_heads} * sizes.head_dim;
  for (const char* norm : {"input_layernorm", "post_attention_layernorm",
                           "pre_feedforward_layernorm", "post_feedforward_layernorm"}) {
    weights.add(name + norm + ".weight", {sizes.hidden});
  }
  for (const char* norm : {"q_norm", "k_norm"}) {
    weights.add(name + "self_attn." + norm + ".weight", {sizes.head_dim});
  }
  weights.add(name + "self_attn.q_proj.weight", {queries, sizes.hidden});
  weights.add(name + "self_attn.k_proj.weight", {keys, sizes.hidden});
  weights.add(name + "self_attn.v_proj.weight", {keys, sizes.hidden});
  weights.add(name + "self_attn.o_proj.weight", {sizes.hidden, queries});
  weights.add(name + "mlp.gate_proj.weight", {sizes.intermediate, sizes.hidden});
  weights.add(name + "mlp.up_proj.weight", {sizes.intermediate, sizes.hidden});
  weights.add(name + "mlp.down_proj.weight", {sizes.hidden, sizes.intermediate});
}

Checkpoint checkpoint_of(const DecoderSizes& sizes) {
  Weights weights;
  weights.add("model.embed_tokens.weight", {sizes.vocabulary, sizes.hidden});
  weights.add("model.norm.weight", {sizes.hidden});
  for (std::size_t i = 0; i < sizes.layers.size(); ++i) {
    add_layer(weights, sizes, fmt::format("model.layers.{}.", i));
  }
  return std::move(weights.checkpoint);
}

std::string config_of(const DecoderSizes& sizes) {
  const bool is_gemma = sizes.family != "qwen3";
  return fmt::format(
      R"({{"model_type":"{}","architectures":["{}ForCausalLM"],"hidden_size":{},)"
      R"("num_attention_heads":{},"num_key_value_heads":{},"head_dim":{},)"
      R"("intermediate_size":{},"vocab_size":{},"num_hidden_layers":{},"sliding_window":64,)"
      R"("layer_types":["{}"],"rms_norm_eps":1e-06,"rope_theta":1000000,)"
      R"("max_position_embeddings":4096,"tie_word_embeddings":true,"dtype":"bfloat16",)"
      R"("query_pre_attn_scalar":{},"hidden_act":"silu","hidden_activation":"gelu_pytorch_tanh"}})",
      sizes.family, is_gemma ? "Gemma3" : "Qwen3", sizes.hidden, sizes.heads, sizes.key_heads,
      sizes.head_dim, sizes.intermediate, sizes.vocabulary, sizes.layers.size(),
      fmt::join(sizes.layers, "\",\""), sizes.head_dim);
}

}  // namespace

Graph shaped_decoder(const DecoderSizes& sizes, ModelForm form) {
  const Config config = Config::parse(config_of(sizes), "shaped");
  return build_hugging_face(config, checkpoint_of(sizes), {.form = form}).graph;
}

DecoderSizes qwen3_0_6b(int layers) {
  DecoderSizes sizes;
  sizes.layers.assign(layers, "full_attention");
  return sizes;
}

DecoderSizes small_gemma3(int periods) {
  DecoderSizes sizes{.family = "gemma3_text",
                     .hidden = 256,
                     .heads = 4,
                     .key_heads = 1,
                     .head_dim = 64,
                     .intermediate = 512,
                     .vocabulary = 512};
  for (int i = 0; i < periods; ++i) {
    sizes.layers.insert(sizes.layers.end(), 5, "sliding_attention");
    sizes.layers.emplace_back("full_attention");
  }
  return sizes;
}

}  // namespace paceline::test
