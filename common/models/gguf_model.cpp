#include "common/models/gguf_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/base/error.h"
#include "common/models/hugging_face.h"

// A GGUF file is read as the Hugging Face directory that it was made from: metadata as config.json,
// tensors under their published names.
namespace paceline {

namespace {

using nlohmann::json;

struct Architecture {
  std::string_view name;        // In general.architecture.
  std::string_view model_type;  // In config.json.
  // llama.cpp rotates neighbours, so its converter reorders the rows of queries and keys.
  bool turns_neighbours = false;
  bool has_post_norms = false;
  bool has_fused_up = false;  // ffn_up holds gate and up.
  float norm_offset = 0;      // Added to norm weights by the converter.
};
constexpr std::array<Architecture, 5> architectures{{
    {.name = "llama", .model_type = "llama", .turns_neighbours = true},
    {.name = "qwen2", .model_type = "llama"},
    {.name = "qwen3", .model_type = "qwen3"},
    {.name = "gemma3", .model_type = "gemma3_text", .has_post_norms = true, .norm_offset = 1},
    {.name = "phi3", .model_type = "phi3", .has_fused_up = true},
}};

const Architecture& architecture_of(const Gguf& file) {
  const std::string& name = file.text("general.architecture");
  std::string known;
  for (const Architecture& one : architectures) {
    if (one.name == name) return one;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", one.name);
  }
  throw unsupported("{}: general.architecture must be one of {}: {}", file.source, known, name);
}

// Metadata of one architecture, whose name stands before its keys.
class Settings {
 public:
  Settings(const Gguf& file, std::string_view architecture)
      : file_(file), prefix_(std::string(architecture) + ".") {}

  bool has(const char* key) const { return file_.has(prefix_ + key); }
  double number(const char* key) const { return file_.number(prefix_ + key); }
  std::string text(const char* key) const { return file_.text(prefix_ + key); }

  // One for the model, or the same for each layer.
  std::int64_t integer(const char* key) const {
    const auto found = file_.metadata.find(prefix_ + key);
    const auto* list = found == file_.metadata.end()
                           ? nullptr
                           : std::get_if<std::vector<std::int64_t>>(&found->second);
    if (list == nullptr) return file_.integer(prefix_ + key);
    if (list->empty() || std::any_of(list->begin(), list->end(),
                                     [&](std::int64_t value) { return value != list->front(); })) {
      throw unsupported("{}: {}{} must be the same for all layers", file_.source, prefix_, key);
    }
    return list->front();
  }

 private:
  const Gguf& file_;
  std::string prefix_;
};

// A list of one factor for each rotated pair.
json factors_of(const Gguf& file, std::string_view tensor) {
  const auto found = file.tensors.find(tensor);
  if (found == file.tensors.end()) {
    throw invalid("{}: no such tensor, and the rope needs it: {}", file.source, tensor);
  }
  if (found->second.blocks != nullptr) {
    throw invalid("{}: tensor {:?} must hold floats", file.source, tensor);
  }
  return found->second.tensor.to_doubles();
}

json rope_scaling_of(const Gguf& file, const Settings& settings) {
  const std::string kind =
      settings.has("rope.scaling.type") ? settings.text("rope.scaling.type") : "none";
  json scaling = json::object();
  if (file.tensors.contains("rope_freqs.weight")) {  // Llama 3: the factors themselves.
    const json factors = factors_of(file, "rope_freqs.weight");
    return {{"rope_type", "longrope"},
            {"short_factor", factors},
            {"long_factor", factors},
            {"attention_factor", 1.0}};
  }
  if (file.tensors.contains("rope_factors_long.weight")) {
    scaling = {{"rope_type", "longrope"},
               {"short_factor", factors_of(file, "rope_factors_short.weight")},
               {"long_factor", factors_of(file, "rope_factors_long.weight")}};
    if (settings.has("rope.scaling.attn_factor")) {
      scaling["attention_factor"] = settings.number("rope.scaling.attn_factor");
    }
  } else if (kind == "linear" || kind == "yarn") {
    scaling = {{"rope_type", kind}, {"factor", settings.number("rope.scaling.factor")}};
  } else if (kind != "none" && kind != "longrope") {
    throw unsupported("{}: rope.scaling.type must be none, linear, yarn or longrope: {}",
                      file.source, kind);
  }
  return scaling;
}

std::int64_t rows_of(const Gguf& file, std::string_view tensor) {
  const auto found = file.tensors.find(tensor);
  if (found == file.tensors.end() || found->second.extents.size() != 2) {
    throw invalid("{}: the model needs a tensor of 2 axes: {}", file.source, tensor);
  }
  return found->second.extents[0];
}

void add_attention(json& config, const Gguf& file, const Settings& settings) {
  const std::int64_t heads = settings.integer("attention.head_count");
  config["num_attention_heads"] = heads;
  config["num_key_value_heads"] =
      settings.has("attention.head_count_kv") ? settings.integer("attention.head_count_kv") : heads;
  if (heads < 1) {
    throw invalid("{}: attention.head_count must be positive: {}", file.source, heads);
  }
  std::int64_t head_dim = settings.integer("embedding_length") / heads;
  if (settings.has("attention.key_length")) head_dim = settings.integer("attention.key_length");
  if (settings.has("attention.value_length") &&
      settings.integer("attention.value_length") != head_dim) {
    throw unsupported("{}: keys and values must be equally long: {} and {}", file.source, head_dim,
                      settings.integer("attention.value_length"));
  }
  config["head_dim"] = head_dim;
  if (settings.has("rope.dimension_count") && head_dim > 0) {
    config["partial_rotary_factor"] =
        static_cast<double>(settings.integer("rope.dimension_count")) /
        static_cast<double>(head_dim);
  }
}

// Phi-3 says 0 for none; layers of Gemma 3 slide whatever it says.
void add_window(json& config, const Settings& settings, const Architecture& architecture) {
  if (!settings.has("attention.sliding_window")) return;
  const std::int64_t window = settings.integer("attention.sliding_window");
  if (window != 0 || architecture.name == "gemma3") config["sliding_window"] = window;
}

void refuse_experts(const Gguf& file, const Settings& settings) {
  if (!settings.has("expert_count") || settings.integer("expert_count") == 0) return;
  throw unsupported(
      "{}: mixtures of experts are not read from GGUF, take the Hugging Face directory; "
      "expert_count must be 0: {}",
      file.source, settings.integer("expert_count"));
}

// What the key says for Gemma 3 of 27B stands nowhere else: 62 layers tell it.
std::int64_t query_scalar_of(const json& config) {
  constexpr std::int64_t layers_of_27b = 62;
  if (config["num_hidden_layers"] != layers_of_27b) return config["head_dim"];
  return config["hidden_size"].get<std::int64_t>() /
         config["num_attention_heads"].get<std::int64_t>();
}

json config_of(const Gguf& file, const Architecture& architecture) {
  const Settings settings(file, architecture.name);
  refuse_experts(file, settings);
  json config = {
      {"model_type", architecture.model_type},
      {"vocab_size", rows_of(file, "token_embd.weight")},
      {"hidden_size", settings.integer("embedding_length")},
      {"intermediate_size", settings.integer("feed_forward_length")},
      {"num_hidden_layers", settings.integer("block_count")},
      {"rms_norm_eps", settings.number("attention.layer_norm_rms_epsilon")},
      {"tie_word_embeddings", !file.tensors.contains("output.weight")},
      {"attention_bias", file.tensors.contains("blk.0.attn_q.bias")},
      {"mlp_bias", file.tensors.contains("blk.0.ffn_gate.bias")},
      {"rope_scaling", rope_scaling_of(file, settings)},
  };
  if (settings.has("rope.freq_base")) config["rope_theta"] = settings.number("rope.freq_base");
  if (settings.has("context_length")) {
    config["max_position_embeddings"] = settings.integer("context_length");
  }
  if (settings.has("rope.scaling.original_context_length")) {
    config["original_max_position_embeddings"] =
        settings.integer("rope.scaling.original_context_length");
  }
  add_attention(config, file, settings);
  add_window(config, settings, architecture);
  if (architecture.name == "gemma3") config["query_pre_attn_scalar"] = query_scalar_of(config);
  return config;
}

// Parts of the names of a layer's tensors: in GGUF, and published.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> layer_names{{
    {"attn_norm", "input_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_qkv", "self_attn.qkv_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> other_names{{
    {"token_embd", "embed_tokens"},
    {"output_norm", "norm"},
    {"output", "lm_head"},
}};

template <std::size_t count>
std::string_view find_name(
    const std::array<std::pair<std::string_view, std::string_view>, count>& names,
    std::string_view name) {
  for (const auto& [own, published] : names) {
    if (own == name) return published;
  }
  return {};
}

// "blk.3.attn_q.weight" as "model.layers.3.self_attn.q_proj.weight"; as it is where nothing is
// known.
std::string published_name(const std::string& name, const Architecture& architecture) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos) return name;
  const std::string_view stem = std::string_view(name).substr(0, dot);
  const std::string_view suffix = std::string_view(name).substr(dot);
  if (!stem.starts_with("blk.")) {
    const std::string_view known = find_name(other_names, stem);
    if (known == "lm_head") return fmt::format("{}{}", known, suffix);
    return known.empty() ? name : fmt::format("model.{}{}", known, suffix);
  }
  const std::size_t end = stem.find('.', 4);
  if (end == std::string_view::npos) return name;
  const std::string_view own = stem.substr(end + 1);
  std::string_view known = find_name(layer_names, own);
  if (own == "ffn_norm" && architecture.has_post_norms) known = "pre_feedforward_layernorm";
  if (own == "ffn_up" && architecture.has_fused_up) known = "mlp.gate_up_proj";
  return known.empty()
             ? name
             : fmt::format("model.layers.{}.{}{}", stem.substr(4, end - 4), known, suffix);
}

// The other way round; as it is where nothing is known.
std::string own_name(const std::string& published, const Architecture& architecture) {
  const std::size_t dot = published.rfind('.');
  if (dot == std::string::npos) return published;
  const std::string suffix = published.substr(dot);
  const auto is_it = [&](const std::string& own) {
    return published_name(own, architecture) == published;
  };
  for (const auto& [own, name] : other_names) {
    if (const std::string whole = fmt::format("{}{}", own, suffix); is_it(whole)) return whole;
  }
  constexpr std::string_view layers = "model.layers.";
  const std::size_t end = published.find('.', layers.size());
  if (!published.starts_with(layers) || end == std::string::npos) return published;
  const std::string index = published.substr(layers.size(), end - layers.size());
  for (const auto& [own, name] : layer_names) {
    if (const std::string whole = fmt::format("blk.{}.{}{}", index, own, suffix); is_it(whole)) {
      return whole;
    }
  }
  return published;
}

// Rows 2i and 2i + 1 of a head become rows i and i + half of it.
Tensor in_halves(const Tensor& rows, std::int64_t head_dim) {
  Tensor turned(rows.dtype(), rows.extents());
  const std::int64_t count = rows.extents().empty() ? 0 : rows.extents()[0];
  if (count == 0) return turned;
  const std::size_t row_bytes = rows.size_bytes() / static_cast<std::size_t>(count);
  for (std::int64_t to = 0; to < count; ++to) {
    const std::int64_t head = to / head_dim, place = to % head_dim, half = head_dim / 2;
    const std::int64_t from = head * head_dim + 2 * (place % half) + place / half;
    std::memcpy(turned.as<std::byte>() + to * row_bytes, rows.as<std::byte>() + from * row_bytes,
                row_bytes);
  }
  return turned;
}

Tensor less(const Tensor& tensor, float offset) {
  const Tensor wide = tensor.cast(Dtype::f32);
  Tensor result(Dtype::f32, wide.extents());
  for (std::int64_t i = 0; i < wide.element_count(); ++i) {
    result.as<float>()[i] = wide.as<float>()[i] - offset;
  }
  return result;
}

bool is_query_or_key(std::string_view name) {
  return name.find(".q_proj.") != std::string_view::npos ||
         name.find(".k_proj.") != std::string_view::npos;
}

class CheckpointMaker {
 public:
  CheckpointMaker(const Gguf& file, const Architecture& architecture, const json& config)
      : file_(file),
        architecture_(architecture),
        hidden_(config["hidden_size"]),
        head_dim_(config["head_dim"]) {}

  Checkpoint make() {
    checkpoint_.folder = file_.source;
    checkpoint_.settings = "its metadata";
    checkpoint_.own_name = [&architecture = architecture_](std::string_view published) {
      return own_name(std::string(published), architecture);
    };
    for (const auto& [name, entry] : file_.tensors) add(name, entry);
    if (architecture_.name == "qwen2") add_missing_biases();
    return std::move(checkpoint_);
  }

 private:
  void add(const std::string& own_name, const Gguf::Entry& entry) {
    const std::string name = published_name(own_name, architecture_);
    Tensor tensor = entry.tensor;
    const bool is_whole = head_dim_ > 0 && head_dim_ % 2 == 0 && !entry.extents.empty() &&
                          entry.extents[0] % head_dim_ == 0;
    if (architecture_.turns_neighbours && is_query_or_key(name) && is_whole) {
      tensor = in_halves(tensor, head_dim_);
    }
    if (architecture_.norm_offset != 0 && name.find("norm.weight") != std::string::npos &&
        entry.blocks == nullptr && is_float(tensor.dtype())) {
      tensor = less(tensor, architecture_.norm_offset);
    }
    if (entry.blocks != nullptr) checkpoint_.blocks.emplace(name, entry.blocks);
    if (!checkpoint_.tensors.emplace(name, std::move(tensor)).second) {
      throw invalid("{}: two tensors stand for one weight: {:?}", file_.source, name);
    }
  }

  // Qwen 2 has biases of queries, keys and values alone.
  void add_missing_biases() {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : checkpoint_.tensors) {
      if (name.ends_with(".o_proj.weight")) {
        names.push_back(name.substr(0, name.size() - 6) + "bias");
      }
    }
    for (std::string& name : names) {
      checkpoint_.tensors.emplace(std::move(name), Tensor(Dtype::f32, {hidden_}));
    }
  }

  const Gguf& file_;
  const Architecture& architecture_;
  std::int64_t hidden_;
  std::int64_t head_dim_;
  Checkpoint checkpoint_;
};

std::vector<std::int64_t> end_tokens_of(const Gguf& file) {
  std::vector<std::int64_t> tokens;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                          "tokenizer.ggml.eom_token_id"}) {
    if (!file.has(key)) continue;
    const std::int64_t token = file.integer(key);
    if (std::find(tokens.begin(), tokens.end(), token) == tokens.end()) tokens.push_back(token);
  }
  return tokens;
}

bool is_of_rope(std::string_view own) {
  return own == "rope_freqs.weight" || own == "rope_factors_long.weight" ||
         own == "rope_factors_short.weight";
}

// "NAME" and "NAME[0:64]" are of one tensor.
std::string_view whole_name(std::string_view weight) { return weight.substr(0, weight.find('[')); }

// A tensor that nothing reads would be missing from every result.
void check_all_read(const Gguf& file, const Architecture& architecture, const TensorMap& bound) {
  std::set<std::string_view> read;
  for (const auto& [weight, tensor] : bound) read.insert(whole_name(weight));
  std::string unread;
  for (const auto& [own, entry] : file.tensors) {
    if (is_of_rope(own) || read.contains(published_name(own, architecture))) continue;
    unread += fmt::format("{}{}", unread.empty() ? "" : ", ", own);
  }
  if (unread.empty()) return;
  throw unsupported("{}: a model of {} does not read all tensors of the file, left over are: {}",
                    file.source, architecture.name, unread);
}

}  // namespace

Model build_gguf(const Gguf& file, const ModelOptions& options) {
  const Architecture& architecture = architecture_of(file);
  const json config = config_of(file, architecture);
  if (config["hidden_size"] < 1) {
    throw invalid("{}: embedding_length must be positive: {}", file.source,
                  config["hidden_size"].dump());
  }
  const Checkpoint checkpoint = CheckpointMaker(file, architecture, config).make();
  Model model = build_hugging_face(Config::parse(config.dump(), file.source), checkpoint, options);
  check_all_read(file, architecture, model.weights);
  model.family = architecture.name;
  model.end_tokens = end_tokens_of(file);
  return model;
}

Model load_gguf(const std::filesystem::path& path, const ModelOptions& options) {
  return build_gguf(read_gguf(path), options);
}

}  // namespace paceline
