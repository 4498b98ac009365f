#include "tests/support/random_model.h"

#include <fmt/format.h>

#include <fstream>
#include <string>
#include <vector>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include "common/graph/half.h"

namespace paceline::test {
namespace {

struct Entry {
  std::string name;
  std::vector<std::int64_t> extents;

  std::int64_t count() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : extents) count *= extent;
    return count;
  }
  bool is_norm() const { return extents.size() == 1; }
};

std::vector<Entry> entries_of(const Qwen3Shape& shape) {
  const std::int64_t hidden = shape.hidden;
  const std::int64_t queries = std::int64_t{shape.heads} * shape.head_dim;
  const std::int64_t keys = std::int64_t{shape.key_value_heads} * shape.head_dim;
  std::vector<Entry> entries = {{"model.embed_tokens.weight", {shape.vocabulary, hidden}}};
  for (int layer = 0; layer < shape.layers; ++layer) {
    const std::string prefix = fmt::format("model.layers.{}.", layer);
    const auto add = [&](const char* name, std::vector<std::int64_t> extents) {
      entries.push_back({prefix + name, std::move(extents)});
    };
    add("input_layernorm.weight", {hidden});
    add("self_attn.q_proj.weight", {queries, hidden});
    add("self_attn.k_proj.weight", {keys, hidden});
    add("self_attn.v_proj.weight", {keys, hidden});
    add("self_attn.o_proj.weight", {hidden, queries});
    add("self_attn.q_norm.weight", {shape.head_dim});
    add("self_attn.k_norm.weight", {shape.head_dim});
    add("post_attention_layernorm.weight", {hidden});
    add("mlp.gate_proj.weight", {shape.intermediate, hidden});
    add("mlp.up_proj.weight", {shape.intermediate, hidden});
    add("mlp.down_proj.weight", {hidden, shape.intermediate});
  }
  entries.push_back({"model.norm.weight", {hidden}});
  return entries;
}

std::string header_of(const std::vector<Entry>& entries) {
  std::string header = "{";
  std::int64_t offset = 0;
  for (const Entry& entry : entries) {
    const std::int64_t end = offset + 2 * entry.count();
    header += fmt::format("{}\"{}\":{{\"dtype\":\"BF16\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                          offset == 0 ? "" : ",", entry.name, fmt::join(entry.extents, ","),
                          offset, end);
    offset = end;
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return header;
}

// Uniform rather than normal: a billion draws must not take minutes.
void write_elements(std::ofstream& file, const Entry& entry, Random& random) {
  constexpr std::int64_t chunk = 1 << 16;
  std::vector<Bfloat16> buffer;
  const double scale = entry.is_norm() ? 0.1 : 0.035;  // Deviation 0.02, as models are initialised.
  const double centre = entry.is_norm() ? 1.0 : 0.0;
  for (std::int64_t done = 0; done < entry.count(); done += chunk) {
    buffer.clear();
    for (std::int64_t i = done; i < std::min(done + chunk, entry.count()); ++i) {
      buffer.emplace_back(static_cast<float>(centre + random.uniform(-scale, scale)));
    }
    file.write(reinterpret_cast<const char*>(buffer.data()),
               static_cast<std::streamsize>(buffer.size() * sizeof(Bfloat16)));
  }
}

std::string config_of(const Qwen3Shape& shape) {
  return fmt::format(
      R"({{"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "dtype": "bfloat16",
 "hidden_size": {}, "num_hidden_layers": {}, "num_attention_heads": {},
 "num_key_value_heads": {}, "head_dim": {}, "intermediate_size": {}, "vocab_size": {},
 "hidden_act": "silu", "rms_norm_eps": 1e-06, "rope_theta": 1000000, "attention_bias": false,
 "max_position_embeddings": 40960, "tie_word_embeddings": true, "use_sliding_window": false}}
)",
      shape.hidden, shape.layers, shape.heads, shape.key_value_heads, shape.head_dim,
      shape.intermediate, shape.vocabulary);
}

}  // namespace

void write_random_qwen3(const std::filesystem::path& folder, const Qwen3Shape& shape,
                        std::uint64_t seed) {
  const auto weights = folder / "model.safetensors";
  if (std::filesystem::exists(weights) && std::filesystem::exists(folder / "config.json")) return;
  std::filesystem::create_directories(folder);
  const std::vector<Entry> entries = entries_of(shape);
  const std::string header = header_of(entries);
  const auto partial = folder / "model.safetensors.partial";
  {
    std::ofstream file(partial, std::ios::binary);
    const std::uint64_t length = header.size();
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file.write(header.data(), static_cast<std::streamsize>(header.size()));
    Random random(seed);
    for (const Entry& entry : entries) write_elements(file, entry, random);
    if (!file) throw exhausted("could not write {}", partial.string());
  }
  std::filesystem::rename(partial, weights);
  write_file_atomically(folder / "config.json", config_of(shape));
}

}  // namespace paceline::test
