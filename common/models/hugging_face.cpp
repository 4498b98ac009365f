#include "common/models/hugging_face.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/models/family.h"
#include "common/models/weight_binder.h"
#include "common/ops/all_ops.h"

namespace paceline {

namespace {

namespace fs = std::filesystem;

struct Suffix {
  std::string_view text;
  Head head;
};
constexpr std::array<Suffix, 6> suffixes{{
    {"ForCausalLM", Head::causal},
    {"LMHeadModel", Head::causal},
    {"ForMaskedLM", Head::masked},
    {"ForImageClassification", Head::image_classes},
    {"TextModel", Head::none},
    {"Model", Head::none},
}};

struct Family {
  std::string_view model_type;
  std::string_view class_name;  // "Llama" of "LlamaForCausalLM".
  std::string_view prefix;      // Of the trunk's weights under a head.
  std::string_view embedding;   // A weight that every file of the family has.
  Head head;                    // The one that the family has, besides none; also the default.
  void (*build)(Construction&);
};
constexpr std::string_view token_embedding = "embed_tokens.weight";
constexpr std::array<Family, 9> families{{
    {"bert", "Bert", "bert.", "embeddings.word_embeddings.weight", Head::masked, build_bert},
    {"gemma3_text", "Gemma3", "model.", token_embedding, Head::causal, build_gemma3},
    {"gpt2", "GPT2", "transformer.", "wte.weight", Head::causal, build_gpt2},
    {"llama", "Llama", "model.", token_embedding, Head::causal, build_llama},
    {"mistral", "Mistral", "model.", token_embedding, Head::causal, build_mistral},
    {"phi3", "Phi3", "model.", token_embedding, Head::causal, build_phi3},
    {"qwen3", "Qwen3", "model.", token_embedding, Head::causal, build_qwen3},
    {"qwen3_moe", "Qwen3Moe", "model.", token_embedding, Head::causal, build_qwen3_moe},
    {"vit", "ViT", "vit.", "embeddings.cls_token", Head::image_classes, build_vit},
}};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += text.empty() ? word : ", " + word;
  return text;
}

std::string architecture_of(const Config& config) {
  const std::vector<std::string> names = config.texts("architectures");
  return names.empty() ? "" : names.front();
}

const Suffix* find_suffix(const Family& family, std::string_view architecture) {
  if (!architecture.starts_with(family.class_name)) return nullptr;
  architecture.remove_prefix(family.class_name.size());
  const auto it = std::find_if(suffixes.begin(), suffixes.end(),
                               [&](const Suffix& suffix) { return suffix.text == architecture; });
  return it == suffixes.end() ? nullptr : &*it;
}

const Family& find_family(const Config& config) {
  const std::string type = config.text_or("model_type", "");
  const std::string architecture = architecture_of(config);
  for (const Family& family : families) {
    if (type.empty() ? find_suffix(family, architecture) != nullptr : family.model_type == type) {
      return family;
    }
  }
  throw invalid("{}: unknown architecture; model_type must be one of {}: {}", config.source(),
                join(hugging_face_families()), type.empty() ? architecture : type);
}

Head find_head(const Config& config, const Family& family) {
  const std::string architecture = architecture_of(config);
  if (architecture.empty()) return family.head == Head::causal ? Head::causal : Head::none;
  const Suffix* suffix = find_suffix(family, architecture);
  if (suffix != nullptr && (suffix->head == Head::none || suffix->head == family.head)) {
    return suffix->head;
  }
  std::vector<std::string> known;
  for (const Suffix& other : suffixes) {
    if (other.head != Head::none && other.head != family.head) continue;
    known.push_back(fmt::format("{}{}", family.class_name, other.text));
  }
  throw invalid("{}: no such architecture of {}; known are {}: {}", config.source(),
                family.model_type, join(known), architecture);
}

std::optional<Dtype> published_dtype(const Config& config) {
  const char* key = config.has("dtype") ? "dtype" : "torch_dtype";
  if (!config.has(key)) return std::nullopt;
  constexpr std::array<std::pair<std::string_view, Dtype>, 4> known{{
      {"float32", Dtype::f32},
      {"float16", Dtype::f16},
      {"bfloat16", Dtype::bf16},
      {"float64", Dtype::f64},
  }};
  std::string name = config.text(key);
  if (name.starts_with("torch.")) name.erase(0, 6);
  for (const auto& [text, dtype] : known) {
    if (text == name) return dtype;
  }
  throw invalid("{}: {} must be float32, float16, bfloat16 or float64: {}", config.source(), key,
                name);
}

Dtype stored_dtype(const Checkpoint& checkpoint, const Family& family) {
  for (const std::string& name :
       {fmt::format("{}{}", family.prefix, family.embedding), std::string(family.embedding)}) {
    const auto it = checkpoint.tensors.find(name);
    if (it == checkpoint.tensors.end()) continue;
    return checkpoint.blocks.contains(name) ? Dtype::f32 : it->second.dtype();
  }
  return Dtype::f32;
}

Dtype choose_dtype(const Config& config, const Checkpoint& checkpoint, const Family& family,
                   const ModelOptions& options) {
  if (options.dtype && !is_float(*options.dtype)) {
    throw invalid("a model computes in f64, f32, f16 or bf16: {}", to_string(*options.dtype));
  }
  if (options.dtype) return *options.dtype;
  const auto published = published_dtype(config);
  return published ? *published : stored_dtype(checkpoint, family);
}

// Small tensors that will be cast lie all over a mapped file, as norms between layers do: the disk
// is asked for all of them at once, not for one after the other. Of other memory nothing comes.
void ask_for_small(const Checkpoint& checkpoint, Dtype dtype) {
  constexpr std::size_t small_bytes = 1 << 20;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (tensor.dtype() == dtype || checkpoint.blocks.contains(name)) continue;
    if (tensor.size_bytes() == 0 || tensor.size_bytes() > small_bytes) continue;
    const auto start = reinterpret_cast<std::uintptr_t>(tensor.data());
    const std::uintptr_t first = start / page * page;
    ::madvise(reinterpret_cast<void*>(first), start + tensor.size_bytes() - first, MADV_WILLNEED);
  }
}

std::vector<std::int64_t> read_end_tokens(const Config& config, const fs::path& folder) {
  constexpr auto key = "eos_token_id";
  const fs::path path = folder / "generation_config.json";
  if (fs::exists(path)) {
    const Config generation = Config::parse(read_text_file(path), path.string());
    if (generation.has(key)) return generation.integers(key);
  }
  return config.integers(key);
}

}  // namespace

std::vector<std::string> hugging_face_families() {
  std::vector<std::string> names;
  for (const Family& family : families) names.emplace_back(family.model_type);
  return names;
}

Model build_hugging_face(const Config& config, const Checkpoint& checkpoint,
                         const ModelOptions& options) {
  const Family& family = find_family(config);
  const Head head = find_head(config, family);
  if (options.form == ModelForm::generate && head != Head::causal) {
    throw invalid("{}: only a model with a head for causal language modelling generates: {}",
                  config.source(), architecture_of(config));
  }
  GraphBuilder builder(ops::all_ops(), std::string(family.model_type));
  const Dtype dtype = choose_dtype(config, checkpoint, family, options);
  ask_for_small(checkpoint, dtype);
  WeightBinder weights(builder, checkpoint, std::string(family.prefix), dtype);
  Model model;
  model.family = family.model_type;
  Construction construction{config, weights, options.form, head, model};
  family.build(construction);
  model.graph = builder.finish();
  model.weights = weights.take_bound();
  return model;
}

Model load_hugging_face(const fs::path& folder, const ModelOptions& options) {
  const fs::path path = folder / "config.json";
  if (!fs::exists(path)) {
    throw invalid("no model: expected config.json in {}", folder.string());
  }
  const Config config = Config::parse(read_text_file(path), path.string());
  Model model = build_hugging_face(config, open_checkpoint(folder), options);
  model.end_tokens = read_end_tokens(config, folder);
  return model;
}

}  // namespace paceline
