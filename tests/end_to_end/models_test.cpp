// The recorded models through the command line, as a user runs them.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/models/safetensors.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

class RecordedModel : public ::testing::TestWithParam<std::string> {
 protected:
  std::string folder() const { return std::string(PACELINE_TEST_DATA) + "/models/" + GetParam(); }
  std::string golden_file() const { return folder() + "/golden.safetensors"; }
  TensorMap golden() const { return read_safetensors(golden_file()).tensors; }
  testing::Ended paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {}).wait();
  }

  testing::Scratch scratch_;
};

TEST_P(RecordedModel, RunsAsItsPublicImplementation) {
  const std::string output = scratch_ / "output.safetensors";
  const auto ended = paceline(
      {"run", folder(), "--input", golden_file(), "--output", output, "--store", "none"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;

  const TensorMap recorded = golden();
  for (const auto& [name, tensor] : read_safetensors(output).tensors) {
    const auto expected = recorded.find(name);
    ASSERT_NE(expected, recorded.end()) << name;
    EXPECT_LT(compare(tensor.view(), expected->second.view()).relative, 1e-4) << name;
  }
}

TEST_P(RecordedModel, GeneratesTheRecordedTokens) {
  const TensorMap recorded = golden();
  const auto sequence = recorded.find("greedy_24");
  if (sequence == recorded.end()) GTEST_SKIP() << GetParam() << " does not generate";
  constexpr int prompt_length = 40;
  const std::int64_t* tokens = sequence->second.as<std::int64_t>();
  const std::vector<std::int64_t> prompt(tokens, tokens + prompt_length);
  const std::vector<std::int64_t> expected(tokens + prompt_length,
                                           tokens + sequence->second.element_count());

  const auto ended =
      paceline({"generate", folder(), "--tokens", fmt::format("{}", fmt::join(prompt, ",")),
                "--max-new", std::to_string(expected.size()), "--json", "--store", "none"});

  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_EQ(nlohmann::json::parse(ended.output)["tokens"].get<std::vector<std::int64_t>>(), expected);
}

INSTANTIATE_TEST_SUITE_P(All, RecordedModel,
                         ::testing::Values("bert", "gemma3_text", "gpt2", "llama", "mistral",
                                           "phi3", "qwen3", "qwen3_moe", "vit"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
