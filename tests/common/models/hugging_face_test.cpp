#include "common/models/hugging_face.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include "common/ops/all_ops.h"
#include "tests/common/models/made_checkpoint.h"

namespace paceline {
namespace {

using nlohmann::json;
using test::DecoderShape;
using test::made_checkpoint;
using test::made_config;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

namespace fs = std::filesystem;

fs::path folder_of(const std::string& name) {
  return fs::path(PACELINE_TEST_DATA) / "models" / name;
}

json config_of(const std::string& name) {
  return json::parse(read_text_file(folder_of(name) / "config.json"));
}

// The recorded model `name` under another configuration.
Model build(const std::string& name, const json& config, const ModelOptions& options = {}) {
  return build_hugging_face(Config::parse(config.dump(), "config.json"),
                            open_checkpoint(folder_of(name)), options);
}

Model build(const DecoderShape& shape, const std::string& config,
            const ModelOptions& options = {}) {
  return build_hugging_face(Config::parse(config, "config.json"), made_checkpoint(shape), options);
}

std::string refusal(const std::function<void()>& load, ErrorKind kind = ErrorKind::invalid) {
  try {
    load();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "accepted";
}

// Values of `attribute` of the nodes of `op`, in order.
template <typename T>
std::vector<T> attributes_of(const Graph& graph, std::string_view op, std::string_view attribute) {
  std::vector<T> values;
  for (const Node& node : graph.nodes()) {
    if (node.op == op) values.push_back(node.attributes.get<T>(attribute));
  }
  return values;
}

std::vector<std::int64_t> windows(const Model& model) {
  return attributes_of<std::int64_t>(model.graph, "attention", "window");
}

class EachFamily : public testing::TestWithParam<std::string> {};

TEST_P(EachFamily, LoadsAndValidates) {
  const Model model = load_model(folder_of(GetParam()));

  EXPECT_NO_THROW(validate(model.graph, ops::all_ops()));
  EXPECT_EQ(model.family, GetParam());
  EXPECT_THAT(model.states, IsEmpty());
  for (const auto& [name, weight] : model.weights) {
    EXPECT_TRUE(model.graph.find(NodeKind::weight, name)) << name;
  }
}

TEST_P(EachFamily, ComputesInTheTypeThatIsAskedFor) {
  const Model model = load_model(folder_of(GetParam()), {.dtype = Dtype::bf16});

  for (const auto& [name, weight] : model.weights) EXPECT_EQ(weight.dtype(), Dtype::bf16) << name;
  const NamedOutput& output = model.graph.outputs().front();
  EXPECT_EQ(model.graph.type(output.value).dtype, Dtype::bf16);
}

INSTANTIATE_TEST_SUITE_P(Models, EachFamily, testing::ValuesIn(hugging_face_families()),
                         [](const auto& info) { return info.param; });

TEST(HuggingFace, GeneratesWithTwoStatesALayer) {
  const Model model = load_model(folder_of("llama"), {.form = ModelForm::generate});

  EXPECT_THAT(model.states, ElementsAre("cache.0.key", "cache.0.value", "cache.1.key",
                                        "cache.1.value", "cache.2.key", "cache.2.value"));
  EXPECT_THAT(model.graph.symbols(), testing::UnorderedElementsAre("B", "N", "past", "capacity"));
  EXPECT_EQ(model.graph.state_updates().size(), 6u);
  EXPECT_EQ(to_string(model.graph.type(model.graph.outputs()[0].value).shape), "[B,1,384]");
}

TEST(HuggingFace, TellsWhatACallerMustKnow) {
  const Model gpt2 = load_model(folder_of("gpt2"));
  EXPECT_EQ(gpt2.vocabulary, 384);
  EXPECT_EQ(gpt2.positions_max, 256);
  EXPECT_THAT(gpt2.end_tokens, ElementsAre(0));
  EXPECT_EQ(load_model(folder_of("llama")).positions_max, std::nullopt);
  EXPECT_THAT(load_model(folder_of("qwen3")).end_tokens, IsEmpty());
}

TEST(HuggingFace, ReadsOldSpellingsAsNewOnes) {
  for (const std::string name : {"llama", "mistral", "phi3", "qwen3", "qwen3_moe"}) {
    json old = config_of(name);
    old.erase("rope_parameters");
    old["rope_theta"] = 10000.0;
    old["rope_scaling"] = nullptr;
    old["torch_dtype"] = old["dtype"];
    old.erase("dtype");
    old.erase("layer_types");
    if (name == "qwen3_moe") {
      old["num_experts"] = old["num_local_experts"];
      old.erase("num_local_experts");
    }
    EXPECT_EQ(build(name, old).graph.id(), build(name, config_of(name)).graph.id()) << name;
  }
}

TEST(HuggingFace, ReadsGemmasOldSpellingAsTheNewOne) {
  json now = config_of("gemma3_text");
  now["layer_types"] = {"sliding_attention", "full_attention", "sliding_attention"};
  json old = now;
  for (const char* key : {"rope_parameters", "layer_types", "_sliding_window_pattern"}) {
    old.erase(key);
  }
  old["rope_theta"] = 1e6;
  old["rope_local_base_freq"] = 1e4;
  old["sliding_window_pattern"] = 2;

  EXPECT_EQ(build("gemma3_text", old).graph.id(), build("gemma3_text", now).graph.id());
  EXPECT_THAT(windows(build("gemma3_text", now)), ElementsAre(16, 0, 16));
}

TEST(HuggingFace, SlidesTheLayersThatTheConfigurationNames) {
  json qwen = config_of("qwen3");
  qwen.erase("layer_types");
  qwen.update({{"use_sliding_window", true}, {"sliding_window", 4}, {"max_window_layers", 1}});
  EXPECT_THAT(windows(build("qwen3", qwen)), ElementsAre(0, 4, 4));

  json mistral = config_of("mistral");
  EXPECT_THAT(windows(build("mistral", mistral)), ElementsAre(16, 16, 16));
  mistral["sliding_window"] = nullptr;
  EXPECT_THAT(windows(build("mistral", mistral)), ElementsAre(0, 0, 0));

  json phi = config_of("phi3");
  phi["sliding_window"] = 7;
  EXPECT_THAT(windows(build("phi3", phi)), ElementsAre(7, 7, 7));
}

TEST(HuggingFace, LooksBothWaysWhenGemmaIsBidirectional) {
  json config = config_of("gemma3_text");
  config["use_bidirectional_attention"] = true;
  const Model model = build("gemma3_text", config);

  EXPECT_THAT(windows(model), ElementsAre(9, 9, 9));
  EXPECT_THAT(attributes_of<bool>(model.graph, "attention", "causal"), Not(Contains(true)));
  EXPECT_THAT(refusal([&] { build("gemma3_text", config, {.form = ModelForm::generate}); },
                      ErrorKind::unsupported),
              HasSubstr("use_bidirectional_attention"));
}

TEST(HuggingFace, MixesDenseLayersIntoExperts) {
  json config = config_of("qwen3_moe");
  Checkpoint checkpoint = open_checkpoint(folder_of("qwen3_moe"));
  config["mlp_only_layers"] = {1};
  for (const auto& [part, extents] : std::map<std::string, Extents>{
           {"gate_proj", {128, 64}}, {"up_proj", {128, 64}}, {"down_proj", {64, 128}}}) {
    checkpoint.tensors["model.layers.1.mlp." + part + ".weight"] = Tensor(Dtype::f32, extents);
  }

  const Model model = build_hugging_face(Config::parse(config.dump(), "config.json"), checkpoint);

  EXPECT_THAT(attributes_of<std::string>(model.graph, "expert_mlp", "activation"),
              ElementsAre("silu", "silu"));
}

TEST(HuggingFace, SlicesStackedExpertsWithoutCopying) {
  Checkpoint checkpoint = open_checkpoint(folder_of("qwen3_moe"));
  for (int layer = 0; layer < 3; ++layer) {
    const std::string experts = "model.layers." + std::to_string(layer) + ".mlp.experts.";
    std::erase_if(checkpoint.tensors,
                  [&](const auto& entry) { return entry.first.starts_with(experts); });
    checkpoint.tensors[experts + "gate_up_proj"] = Tensor(Dtype::f32, {8, 128, 64});
    checkpoint.tensors[experts + "down_proj"] = Tensor(Dtype::f32, {8, 64, 64});
  }

  const Model model =
      build_hugging_face(Config::parse(config_of("qwen3_moe").dump(), "config.json"), checkpoint);

  const Tensor& up = model.weights.at("model.layers.2.mlp.experts.gate_up_proj[7,64:128]");
  const Tensor& stack = checkpoint.tensors.at("model.layers.2.mlp.experts.gate_up_proj");
  EXPECT_EQ(up.as<float>(), stack.as<float>() + (7 * 128 + 64) * 64);
}

TEST(HuggingFace, KeepsWeightsOfTheirTypeMapped) {
  const Checkpoint checkpoint = open_checkpoint(folder_of("phi3"));
  const Model model =
      build_hugging_face(Config::parse(config_of("phi3").dump(), "config.json"), checkpoint);

  const std::string fused = "model.layers.0.self_attn.qkv_proj.weight";
  EXPECT_EQ(model.weights.at(fused + "[64:96]").data(),
            checkpoint.tensors.at(fused).as<float>() + 64 * 64);
}

TEST(HuggingFace, TiesTheHeadOnlyWhenTheFileHasNone) {
  const DecoderShape tied{.is_tied = true};
  const Model model = build(tied, made_config(tied, "llama", "LlamaForCausalLM"));
  EXPECT_FALSE(model.graph.find(NodeKind::weight, "lm_head.weight"));

  const DecoderShape both{.is_tied = false};
  const DecoderShape says_tied{.is_tied = true};
  EXPECT_TRUE(build(both, made_config(says_tied, "llama", "LlamaForCausalLM"))
                  .graph.find(NodeKind::weight, "lm_head.weight"));
}

TEST(HuggingFace, ReadsATrunkWithoutPrefixOrHead) {
  const DecoderShape trunk{.prefix = "", .is_tied = true};
  const Model model = build(trunk, made_config(trunk, "llama", "LlamaModel"));

  EXPECT_EQ(model.graph.outputs()[0].name, "last_hidden_state");
  EXPECT_TRUE(model.graph.find(NodeKind::weight, "layers.0.input_layernorm.weight"));
}

TEST(HuggingFace, BuildsAnySizesThatFitTogether) {
  Random random(7);
  for (int i = 0; i < 40; ++i) {
    DecoderShape shape;
    shape.key_heads = 1 + random.below(3);
    shape.heads = shape.key_heads * (1 + random.below(4));
    shape.head_dim = 2 * (1 + random.below(9));
    shape.hidden = 1 + random.below(40);
    shape.intermediate = 1 + random.below(40);
    shape.vocabulary = 1 + random.below(40);
    shape.layers = 1 + random.below(3);
    shape.prefix = random.below(2) == 0 ? "" : "model.";
    shape.is_tied = random.below(2) == 0;
    shape.has_attention_bias = random.below(2) == 0;
    shape.has_head_norms = random.below(2) == 0;
    const std::string bias =
        shape.has_attention_bias ? R"("attention_bias":true,)" : R"("attention_bias":false,)";
    const std::string config = shape.has_head_norms
                                   ? made_config(shape, "qwen3", "Qwen3ForCausalLM", bias)
                                   : made_config(shape, "llama", "LlamaForCausalLM", bias);
    for (const ModelForm form : {ModelForm::forward, ModelForm::generate}) {
      EXPECT_NO_THROW(build(shape, config, {.form = form})) << config;
    }
  }
}

TEST(HuggingFace, BuildsEveryRopeKind) {
  const DecoderShape shape;
  for (const std::string scaling :
       {R"({"rope_type":"default"})", R"({"type":"linear","factor":2})",
        R"({"type":"dynamic","factor":2})",
        R"({"rope_type":"llama3","factor":8,"low_freq_factor":1,"high_freq_factor":4,
            "original_max_position_embeddings":64})",
        R"({"type":"yarn","factor":4})",
        R"({"type":"longrope","short_factor":[1,1,1,1,1],"long_factor":[2,2,2,2,2]})"}) {
    EXPECT_NO_THROW(build(shape, made_config(shape, "llama", "LlamaForCausalLM",
                                             "\"rope_scaling\":" + scaling + ",")))
        << scaling;
  }
}

TEST(HuggingFace, BuildsTheHeadsOfBertAndVit) {
  Checkpoint bert = open_checkpoint(folder_of("bert"));
  const std::string head = "cls.predictions.";
  bert.tensors[head + "transform.dense.weight"] = Tensor(Dtype::f32, {64, 64});
  for (const char* name :
       {"transform.dense.bias", "transform.LayerNorm.gamma", "transform.LayerNorm.beta"}) {
    bert.tensors[head + name] = Tensor(Dtype::f32, {64});
  }
  bert.tensors[head + "bias"] = Tensor(Dtype::f32, {384});
  json config = config_of("bert");
  config["architectures"] = {"BertForMaskedLM"};
  EXPECT_EQ(build_hugging_face(Config::parse(config.dump(), "c"), bert).graph.outputs()[0].name,
            "logits");

  Checkpoint vit = open_checkpoint(folder_of("vit"));
  vit.tensors["classifier.weight"] = Tensor(Dtype::f32, {10, 64});
  vit.tensors["classifier.bias"] = Tensor(Dtype::f32, {10});
  config = config_of("vit");
  config["architectures"] = {"ViTForImageClassification"};
  const Model model = build_hugging_face(Config::parse(config.dump(), "c"), vit);
  EXPECT_EQ(to_string(model.graph.type(model.graph.outputs()[0].value).shape), "[B,10]");
}

struct Refused {
  std::string model;
  json changes;
  std::string expected;
};

TEST(HuggingFace, RefusesImpossibleConfigurations) {
  const std::vector<Refused> cases{
      {"llama", {{"model_type", "mamba"}}, "bert, gemma3_text, gpt2, llama"},
      {"llama", {{"model_type", "mamba"}}, ": mamba"},
      {"llama", {{"architectures", {"LlamaForTokenClassification"}}}, "LlamaForCausalLM"},
      {"bert", {{"architectures", {"BertLMHeadModel"}}}, "BertForMaskedLM"},
      {"llama", {{"num_attention_heads", 0}}, "num_attention_heads must be an integer from 1"},
      {"llama", {{"num_attention_heads", "four"}}, "\"four\""},
      {"llama",
       {{"num_attention_heads", 5}, {"head_dim", nullptr}, {"num_key_value_heads", 5}},
       "must divide the hidden size: 5 and 64"},
      {"llama", {{"num_key_value_heads", 3}}, "must divide num_attention_heads: 3 and 4"},
      {"llama", {{"hidden_size", -64}}, "hidden_size"},
      {"llama", {{"vocab_size", nullptr}}, "missing: vocab_size"},
      {"llama", {{"vocab_size", 385}}, "embed_tokens.weight: expected [385,64], found [384,64]"},
      {"llama", {{"num_hidden_layers", 4}}, "layers.3.input_layernorm.weight"},
      {"llama", {{"hidden_act", "wavy"}}, "gelu_new"},
      {"llama", {{"attention_bias", true}}, "q_proj.bias"},
      {"llama", {{"dtype", "int8"}}, "int8"},
      {"mistral", {{"sliding_window", 0}}, "sliding_window must be an integer from 1"},
      {"phi3", {{"sliding_window", -5}}, "-5"},
      {"qwen3", {{"layer_types", {"full_attention"}}}, "each of 3 layers: 1"},
      {"qwen3", {{"layer_types", {"full_attention", "full_attention", "round"}}}, "round"},
      {"qwen3",
       {{"layer_types", {"full_attention", "full_attention", "sliding_attention"}}},
       "use_sliding_window must be true"},
      {"qwen3_moe", {{"num_experts_per_tok", 9}}, "9 and 8"},
      {"gpt2", {{"n_head", 5}}, "must divide the hidden size: 5 and 64"},
      {"vit", {{"patch_size", 64}}, "must fit into image_size: 64x64 and 32x32"},
      {"vit", {{"image_size", {1, 2, 3}}}, "[1,2,3]"},
  };
  for (const auto& [model, changes, expected] : cases) {
    json config = config_of(model);
    config.update(changes);
    EXPECT_THAT(refusal([&, &model = model] { build(model, config); }), HasSubstr(expected))
        << changes;
  }
}

TEST(HuggingFace, RefusesWhatItDoesNotServe) {
  for (const auto& [model, changes] : std::vector<std::pair<std::string, json>>{
           {"bert", {{"position_embedding_type", "relative_key"}}},
           {"bert", {{"is_decoder", true}}},
           {"gpt2", {{"add_cross_attention", true}}},
           {"qwen3_moe", {{"hidden_act", "mish"}}}}) {
    json config = config_of(model);
    config.update(changes);
    EXPECT_THAT(refusal([&, &model = model] { build(model, config); }, ErrorKind::unsupported),
                Not("accepted"))
        << changes;
  }
}

TEST(HuggingFace, OnlyCausalModelsGenerate) {
  for (const std::string name : {"bert", "vit"}) {
    EXPECT_THAT(refusal([&] { load_model(folder_of(name), {.form = ModelForm::generate}); }),
                HasSubstr("causal language modelling"));
  }
}

TEST(LoadModel, RefusesOtherPaths) {
  const fs::path bare = fs::path(PACELINE_TEST_DATA) / "models";
  EXPECT_THAT(refusal([] { load_model("nowhere"); }), StartsWith("no such model: nowhere"));
  EXPECT_THAT(refusal([&] { load_model(bare); }), HasSubstr("expected config.json in"));
  EXPECT_THAT(refusal([] { load_model(folder_of("llama") / "config.json"); }),
              HasSubstr("Hugging Face directory"));
}

class TextModel : public testing::Test {
 protected:
  TextModel()
      : folder_(fs::temp_directory_path() / ("paceline-text-" + Digest::random().to_string())) {
    fs::create_directory(folder_);
    write_file_atomically(folder_ / "net.paceline",
                          "graph \"net\" {\n"
                          "  input x: f32[N,2]\n"
                          "  weight w: f32[2,2]\n"
                          "  y = matmul(x, w)\n"
                          "  output y = y\n"
                          "}\n");
  }
  ~TextModel() override { fs::remove_all(folder_); }

  fs::path folder_;
};

TEST_F(TextModel, TakesItsWeightsFromTheFileBesideIt) {
  EXPECT_THAT(refusal([&] { load_model(folder_ / "net.paceline"); }),
              HasSubstr("net.safetensors: w"));

  write_safetensors(folder_ / "net.safetensors", {{"w", Tensor::of<float>({2, 2}, {1, 0, 0, 1})}});

  EXPECT_THAT(load_model(folder_ / "net.paceline").weights.at("w").to_doubles(),
              ElementsAre(1, 0, 0, 1));
}

TEST_F(TextModel, BrokenFilesOfOtherFormatsAreNamed) {
  for (const char* name : {"net.onnx", "net.gguf"}) {
    write_file_atomically(folder_ / name, std::string_view("x"));
    EXPECT_THAT(refusal([&] { load_model(folder_ / name); }), HasSubstr(name));
  }
}

}  // namespace
}  // namespace paceline
