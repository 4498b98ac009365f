#include "common/models/gguf_model.h"

#include <gmock/gmock.h>

#include <set>

#include "common/base/error.h"
#include "tests/common/models/converted_gguf.h"

namespace paceline::test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

std::string refusal_of(const MadeGguf& made, ErrorKind kind = ErrorKind::invalid) {
  try {
    build_gguf(parsed(made.bytes()), {});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "accepted";
}

Model converted(const char* model, const char* architecture, const char* format,
                const ModelOptions& options = {}) {
  return build_gguf(parsed(ConvertedGguf(model, architecture, format).bytes()), options);
}

std::set<std::string> ops_of(const Graph& graph) {
  std::set<std::string> ops;
  for (const Node& node : graph.nodes()) ops.insert(node.op);
  return ops;
}

class Converted : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

// The same graph, by its id, and the same weights, as of the directory that it was made from.
TEST_P(Converted, IsThePublishedModel) {
  const auto [name, architecture] = GetParam();
  for (const ModelForm form : {ModelForm::forward, ModelForm::generate}) {
    const Model published = load_model(recorded_model(name), {.form = form, .dtype = {}});
    const Model model = converted(name, architecture, "f32", {.form = form, .dtype = {}});
    EXPECT_EQ(model.graph.id(), published.graph.id());
    EXPECT_EQ(model.states, published.states);
    EXPECT_EQ(model.vocabulary, published.vocabulary);
    EXPECT_THAT(model.end_tokens, ElementsAre(7));
    ASSERT_EQ(model.weights.size(), published.weights.size());
    for (const auto& [weight, tensor] : published.weights) {
      SCOPED_TRACE(weight);
      ASSERT_TRUE(model.weights.contains(weight));
      EXPECT_LT(compare(model.weights.at(weight).view(), tensor.view()).elementwise, 1e-6);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Gguf, Converted,
                         ::testing::Values(std::pair("qwen3", "qwen3"), std::pair("llama", "llama"),
                                           std::pair("gemma3_text", "gemma3"),
                                           std::pair("phi3", "phi3")),
                         [](const auto& info) { return std::string(info.param.first); });

TEST(GgufModel, TakesBlocksAsTheyAre) {
  for (const auto& [name, architecture] :
       {std::pair("qwen3", "qwen3"), std::pair("llama", "llama"), std::pair("phi3", "phi3")}) {
    const Model model = converted(name, architecture, "q8_0");
    int matrices = 0;
    for (const auto& [weight, tensor] : model.weights) {
      const bool is_matrix = tensor.extents().size() == 2;
      EXPECT_EQ(tensor.dtype(), is_matrix ? Dtype::u8 : Dtype::f32) << weight;
      matrices += is_matrix;
    }
    EXPECT_GT(matrices, 10);
    const auto used = ops_of(model.graph);
    EXPECT_THAT(used, IsSupersetOf({"linear_quantized", "embedding", "dequantize"}));
    EXPECT_FALSE(used.contains("linear"));
    EXPECT_EQ(model.graph.type(model.graph.outputs()[0].value).dtype, Dtype::f32);
  }
}

TEST(GgufModel, ComputesInTheTypeOfTheFileOrAsAsked) {
  const auto dtype_of = [](const Model& model) {
    return model.graph.type(model.graph.outputs()[0].value).dtype;
  };
  EXPECT_EQ(dtype_of(converted("qwen3", "qwen3", "f16")), Dtype::f16);
  EXPECT_EQ(dtype_of(converted("qwen3", "qwen3", "f16", {.dtype = Dtype::f32})), Dtype::f32);
  EXPECT_EQ(dtype_of(converted("qwen3", "qwen3", "q4_0", {.dtype = Dtype::f16})), Dtype::f16);
}

MadeGguf with_settings(const std::string& architecture) {
  MadeGguf made;
  made.text("general.architecture", architecture);
  for (const auto& [key, value] :
       {std::pair("block_count", 1), std::pair("embedding_length", 64),
        std::pair("feed_forward_length", 64), std::pair("attention.head_count", 2)}) {
    made.u32(architecture + "." + key, static_cast<std::uint32_t>(value));
  }
  made.f32(architecture + ".attention.layer_norm_rms_epsilon", 1e-6f);
  return made;
}

void add_matrix(MadeGguf& made, const std::string& name, std::int64_t rows, std::int64_t columns) {
  made.floats(name, {rows, columns}, std::vector<float>(rows * columns, 0.5f));
}

MadeGguf whole(const std::string& architecture) {
  MadeGguf made = with_settings(architecture);
  add_matrix(made, "token_embd.weight", 5, 64);
  for (const char* norm : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"}) {
    made.floats(norm + std::string(".weight"), {64}, std::vector<float>(64, 1));
  }
  for (const char* matrix :
       {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
    add_matrix(made, fmt::format("blk.0.{}.weight", matrix), 64, 64);
  }
  return made;
}

TEST(GgufModel, OfQwen2HasBiasesWhereTheFileHasThem) {
  MadeGguf made = whole("qwen2");
  for (const char* bias : {"attn_q", "attn_k", "attn_v"}) {
    made.floats(fmt::format("blk.0.{}.bias", bias), {64}, std::vector<float>(64, 2));
  }
  const Model model = build_gguf(parsed(made.bytes()), {});
  const auto bias = [&](const char* part) {
    return model.weights.at(fmt::format("model.layers.0.self_attn.{}_proj.bias", part))
        .to_doubles()[0];
  };
  EXPECT_EQ(bias("q"), 2);
  EXPECT_EQ(bias("o"), 0);
  EXPECT_EQ(model.family, "qwen2");
}

TEST(GgufModel, OfLlamaAddsTheBiasesOfItsMlp) {
  MadeGguf made = whole("llama");
  for (const char* bias : {"ffn_gate", "ffn_up", "ffn_down"}) {
    made.floats(fmt::format("blk.0.{}.bias", bias), {64}, std::vector<float>(64, 2));
  }
  const Model model = build_gguf(parsed(made.bytes()), {});

  EXPECT_EQ(model.weights.at("model.layers.0.mlp.up_proj.bias").to_doubles()[0], 2);
  EXPECT_NE(model.graph.id(), build_gguf(parsed(whole("llama").bytes()), {}).graph.id());
}

TEST(GgufModel, RefusesTensorsThatNothingReads) {
  MadeGguf made = whole("llama");
  made.floats("blk.0.attn_output.bias", {64}, std::vector<float>(64, 2));
  made.floats("blk.7.attn_norm.weight", {64}, std::vector<float>(64, 2));
  made.floats("rope_freqs.weight", {16}, std::vector<float>(16, 1));
  made.floats("rope_else.weight", {1}, {1});
  const std::string said = refusal_of(made, ErrorKind::unsupported);

  EXPECT_THAT(said, EndsWith("left over are: blk.0.attn_output.bias, blk.7.attn_norm.weight, "
                             "rope_else.weight"));
}

MadeGguf whole_phi3() {
  MadeGguf made = with_settings("phi3");
  add_matrix(made, "token_embd.weight", 5, 64);
  for (const char* norm : {"output_norm", "blk.0.attn_norm", "blk.0.ffn_norm"}) {
    made.floats(norm + std::string(".weight"), {64}, std::vector<float>(64, 1));
  }
  add_matrix(made, "blk.0.attn_qkv.weight", 192, 64);
  add_matrix(made, "blk.0.attn_output.weight", 64, 64);
  add_matrix(made, "blk.0.ffn_up.weight", 128, 64);
  add_matrix(made, "blk.0.ffn_down.weight", 64, 64);
  return made;
}

TEST(GgufModel, OfPhi3HasNoWindowWhereTheFileSaysNought) {
  const auto id_of = [](const MadeGguf& made) {
    return build_gguf(parsed(made.bytes()), {}).graph.id();
  };
  MadeGguf none = whole_phi3(), some = whole_phi3();
  none.u32("phi3.attention.sliding_window", 0);
  some.u32("phi3.attention.sliding_window", 3);

  EXPECT_EQ(id_of(none), id_of(whole_phi3()));
  EXPECT_NE(id_of(some), id_of(whole_phi3()));
}

TEST(GgufModel, NamesTensorsAsTheFileDoes) {
  MadeGguf narrow = with_settings("llama");
  add_matrix(narrow, "token_embd.weight", 5, 32);
  EXPECT_THAT(refusal_of(narrow), HasSubstr("another shape than its metadata says: "
                                            "token_embd.weight: expected [5,64], found [5,32]"));
  MadeGguf post = with_settings("gemma3");
  add_matrix(post, "token_embd.weight", 5, 64);
  EXPECT_THAT(refusal_of(post), HasSubstr("blk.0.attn_norm.weight"));
}

TEST(GgufModel, RefusesMixturesOfExperts) {
  MadeGguf made = whole("llama");
  made.u32("llama.expert_count", 8);
  EXPECT_THAT(refusal_of(made, ErrorKind::unsupported), HasSubstr("expert_count must be 0: 8"));
  MadeGguf dense = whole("llama");
  dense.u32("llama.expert_count", 0);
  EXPECT_EQ(refusal_of(dense), "accepted");
}

TEST(GgufModel, DividesFrequenciesByTheFactorsOfLlama3) {
  MadeGguf made = whole("llama");
  made.floats("rope_freqs.weight", {16}, std::vector<float>(16, 8));
  const Model plain = build_gguf(parsed(whole("llama").bytes()), {});
  const Model scaled = build_gguf(parsed(made.bytes()), {});
  EXPECT_NE(plain.graph.id(), scaled.graph.id());
}

TEST(GgufModel, SaysWhatIsMissingOrUnknown) {
  EXPECT_THAT(refusal_of(MadeGguf()), HasSubstr("metadata has no general.architecture"));
  MadeGguf other;
  other.text("general.architecture", "mamba");
  EXPECT_THAT(refusal_of(other, ErrorKind::unsupported),
              HasSubstr("one of llama, qwen2, qwen3, gemma3, phi3: mamba"));
  MadeGguf bare;
  bare.text("general.architecture", "llama");
  EXPECT_THAT(refusal_of(bare), HasSubstr("token_embd.weight"));
  MadeGguf empty = with_settings("llama");
  add_matrix(empty, "token_embd.weight", 5, 64);
  EXPECT_THAT(refusal_of(empty), HasSubstr("its metadata asks for it: blk.0.attn_norm.weight"));
  MadeGguf uneven = whole("llama");
  uneven.list<std::int32_t>("llama.attention.head_count_kv", 5, {2, 1});
  EXPECT_THAT(refusal_of(uneven, ErrorKind::unsupported), HasSubstr("the same for all layers"));
  MadeGguf odd = whole("llama");
  odd.text("llama.rope.scaling.type", "spiral");
  EXPECT_THAT(refusal_of(odd, ErrorKind::unsupported), HasSubstr("spiral"));
  MadeGguf headless = with_settings("llama");
  add_matrix(headless, "token_embd.weight", 5, 64);
  headless.u32("llama.attention.head_count_kv", 0);
  EXPECT_THAT(refusal_of(headless), HasSubstr("num_key_value_heads"));
  EXPECT_EQ(refusal_of(whole("llama")), "accepted");
}

}  // namespace
}  // namespace paceline::test
