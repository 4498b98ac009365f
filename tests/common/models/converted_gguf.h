#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/file.h"
#include "common/models/safetensors.h"
#include "common/ops/block_format.h"
#include "tests/common/models/made_gguf.h"

namespace paceline::test {

inline std::filesystem::path recorded_model(std::string_view name) {
  return std::filesystem::path(PACELINE_TEST_DATA) / "models" / name;
}

// One of the recorded models in f32 as llama.cpp's converter writes it.
class ConvertedGguf {
 public:
  // `format` of matrices: "f32", "f16", "q8_0" or "q4_0".
  ConvertedGguf(std::string model, std::string architecture, std::string format)
      : architecture_(std::move(architecture)), format_(std::move(format)) {
    const auto folder = recorded_model(model);
    config_ = nlohmann::json::parse(read_text_file(folder / "config.json"));
    for (const auto& [name, tensor] : read_safetensors(folder / "model.safetensors").tensors) {
      weights_.emplace(name, tensor.cast(Dtype::f32));
    }
  }

  std::string bytes() {
    add_metadata();
    for (const auto& [name, tensor] : weights_) add(name, tensor);
    return made_.bytes();
  }

 private:
  void number(const char* key, const char* from) {
    made_.u32(architecture_ + "." + key, config_.at(from).get<std::uint32_t>());
  }

  void add_metadata() {
    made_.text("general.architecture", architecture_);
    number("block_count", "num_hidden_layers");
    number("context_length", "max_position_embeddings");
    number("embedding_length", "hidden_size");
    number("feed_forward_length", "intermediate_size");
    number("attention.head_count", "num_attention_heads");
    number("attention.head_count_kv", "num_key_value_heads");
    if (config_.contains("head_dim")) {
      number("attention.key_length", "head_dim");
      number("attention.value_length", "head_dim");
    }
    const auto& ropes = config_.at("rope_parameters");
    const auto& rope = ropes.contains("full_attention") ? ropes.at("full_attention") : ropes;
    made_.f32(architecture_ + ".rope.freq_base", rope.at("rope_theta").get<float>());
    made_.f32(architecture_ + ".attention.layer_norm_rms_epsilon",
              config_.at("rms_norm_eps").get<float>());
    if (architecture_ == "gemma3") number("attention.sliding_window", "sliding_window");
    made_.texts("tokenizer.ggml.tokens", {"a", "b"}).u32("tokenizer.ggml.eos_token_id", 7);
  }

  std::string own_name(std::string name) const {
    const auto replace = [&](std::string_view from, std::string_view to) {
      if (const auto at = name.find(from); at != std::string::npos) {
        name.replace(at, from.size(), to);
      }
    };
    const bool is_gemma = architecture_ == "gemma3";
    replace("model.layers.", "blk.");
    replace("model.embed_tokens", "token_embd");
    replace("model.norm", "output_norm");
    replace("lm_head", "output");
    replace("input_layernorm", "attn_norm");
    replace("pre_feedforward_layernorm", "ffn_norm");
    replace("post_feedforward_layernorm", "post_ffw_norm");
    replace("post_attention_layernorm", is_gemma ? "post_attention_norm" : "ffn_norm");
    replace("self_attn.o_proj", "attn_output");
    replace("self_attn.q_norm", "attn_q_norm");
    replace("self_attn.k_norm", "attn_k_norm");
    replace("self_attn.qkv_proj", "attn_qkv");
    for (const std::string part : {"q", "k", "v"}) {
      replace("self_attn." + part + "_proj", "attn_" + part);
    }
    replace("mlp.gate_up_proj", "ffn_up");
    for (const std::string part : {"gate", "up", "down"}) {
      replace("mlp." + part + "_proj", "ffn_" + part);
    }
    return name;
  }

  // [heads, 2, half, columns] as [heads, half, 2, columns].
  Tensor turned(const Tensor& rows) const {
    const std::int64_t columns = rows.extents()[1], dim = config_.at("head_dim");
    Tensor out(Dtype::f32, rows.extents());
    for (std::int64_t row = 0; row < rows.extents()[0]; ++row) {
      const std::int64_t head = row / dim, side = row % dim / (dim / 2), pair = row % (dim / 2);
      std::memcpy(out.as<float>() + (head * dim + 2 * pair + side) * columns,
                  rows.as<float>() + row * columns, 4 * columns);
    }
    return out;
  }

  void add(const std::string& name, Tensor tensor) {
    const bool is_matrix = tensor.extents().size() == 2;
    const bool is_norm = name.find("norm") != std::string::npos;
    const bool turns =
        name.find("q_proj") != std::string::npos || name.find("k_proj") != std::string::npos;
    if (architecture_ == "llama" && turns) tensor = turned(tensor);
    if (architecture_ == "gemma3" && is_norm) {
      tensor = tensor.clone();
      for (std::int64_t i = 0; i < tensor.element_count(); ++i) tensor.as<float>()[i] += 1;
    }
    if (!is_matrix || format_ == "f32") return put(own_name(name), 0, tensor.extents(), tensor);
    if (format_ == "f16") {
      return put(own_name(name), 1, tensor.extents(), tensor.cast(Dtype::f16));
    }
    const ops::BlockFormat& format = ops::block_format(format_);
    Tensor blocks(Dtype::u8, {format.row_bytes(tensor.element_count())});
    ops::quantize_row(format,
                      {tensor.as<float>(), static_cast<std::size_t>(tensor.element_count())},
                      {blocks.as<std::uint8_t>(), blocks.size_bytes()});
    put(own_name(name), static_cast<std::uint32_t>(format.ggml_type), tensor.extents(), blocks);
  }

  void put(const std::string& name, std::uint32_t type, const Extents& extents,
           const Tensor& tensor) {
    made_.tensor(name, type, extents,
                 {static_cast<const char*>(tensor.data()), tensor.size_bytes()});
  }

  std::string architecture_, format_;
  nlohmann::json config_;
  TensorMap weights_;
  MadeGguf made_;
};

}  // namespace paceline::test
