// The recorded models through the command line, as a user runs them.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "common/models/safetensors.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using nlohmann::json;

class RecordedModel : public ::testing::TestWithParam<std::string> {
 protected:
  // One store for all models, since they share workloads.
  static void SetUpTestSuite() { shared_ = std::make_unique<testing::Scratch>(); }
  static void TearDownTestSuite() { shared_.reset(); }

  std::string folder() const { return std::string(PACELINE_TEST_DATA) + "/models/" + GetParam(); }
  std::string golden_file() const { return folder() + "/golden.safetensors"; }
  TensorMap golden() const { return read_safetensors(golden_file()).tensors; }
  testing::Ended paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {}).wait();
  }
  json ask(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const auto ended = paceline(std::move(arguments));
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ended.exit_code == 0 ? json::parse(ended.output) : json();
  }

  static std::string measured_store() { return *shared_ / "store.sqlite"; }
  // Two blocks of each kernel, and once more what was disturbed.
  void measure(const std::vector<std::string>& what) {
    std::vector<std::string> arguments = {"measure", folder(),         "--regime",          "hot",
                                          "--store", measured_store(), "--sitting-seconds", "0.02"};
    arguments.insert(arguments.end(), what.begin(), what.end());
    ask(arguments);
    ask(arguments);
  }

  void expect_recorded_outputs(const std::filesystem::path& file) const {
    const TensorMap recorded = golden();
    const TensorMap outputs = read_safetensors(file).tensors;
    EXPECT_FALSE(outputs.empty());
    for (const auto& [name, tensor] : outputs) {
      const auto expected = recorded.find(name);
      ASSERT_NE(expected, recorded.end()) << name;
      EXPECT_LT(compare(tensor.view(), expected->second.view()).relative, 1e-4) << name;
    }
  }

  testing::Scratch scratch_;
  static inline std::unique_ptr<testing::Scratch> shared_;
};

TEST_P(RecordedModel, RunsAsItsPublicImplementation) {
  const std::string output = scratch_ / "output.safetensors";
  ask({"run", folder(), "--input", golden_file(), "--output", output, "--store", "none"});
  expect_recorded_outputs(output);
}

TEST_P(RecordedModel, RunsSoByMeasurementsToo) {
  measure({"--bind", "B=2", "--bind", "N=40"});
  const std::string output = scratch_ / "output.safetensors";
  std::vector<std::string> command = {"run",      folder(), "--input", golden_file(),
                                      "--output", output,   "--store", measured_store()};
  ask(command);  // Whatever path the search takes.
  expect_recorded_outputs(output);
  std::filesystem::remove(output);

  command.push_back("--no-search");
  const json run = ask(command);
  EXPECT_GT(run["choices"]["nodes"], 10);
  EXPECT_EQ(run["choices"]["measured"], run["choices"]["nodes"]);
  expect_recorded_outputs(output);
}

// Those that generate, with 24 tokens that the public implementation chose greedily.
class GeneratingModel : public RecordedModel {
 protected:
  static constexpr int prompt_length = 40;

  // With the prompt's tokens and how many are wanted; the rest of the recording is what to expect.
  json generate(const std::string& store, const std::vector<std::string>& options = {}) {
    const auto prompt_end = sequence_.begin() + prompt_length;
    std::vector<std::string> command = {
        "generate",  folder(),
        "--tokens",  fmt::format("{}", fmt::join(sequence_.begin(), prompt_end, ",")),
        "--max-new", std::to_string(expected_.size()),
        "--store",   store};
    command.insert(command.end(), options.begin(), options.end());
    return ask(command);
  }
  static std::vector<std::int64_t> values(const Tensor& tensor) {
    const auto* first = tensor.as<std::int64_t>();
    return {first, first + tensor.element_count()};
  }

  const std::vector<std::int64_t> sequence_ = values(golden().at("greedy_24"));
  const std::vector<std::int64_t> expected_ = {sequence_.begin() + prompt_length, sequence_.end()};
};

TEST_P(GeneratingModel, GeneratesTheRecordedTokens) {
  EXPECT_EQ(generate("none")["tokens"].get<std::vector<std::int64_t>>(), expected_);
}

TEST_P(GeneratingModel, GeneratesThemByMeasurementsToo) {
  const std::string capacity = fmt::format("capacity={}", sequence_.size());
  measure({"--form", "generate", "--bind", "B=1", "--bind", "N=40", "--bind", "past=0", "--bind",
           capacity});
  measure({"--form", "generate", "--bind", "B=1", "--bind", "N=1", "--bind", "past=40", "--bind",
           capacity});
  // Whatever path the search takes.
  EXPECT_EQ(generate(measured_store())["tokens"].get<std::vector<std::int64_t>>(), expected_);

  const json generated = generate(measured_store(), {"--no-search"});
  EXPECT_GT(generated["measured"], 10);
  EXPECT_EQ(generated["estimated"], 0);
  EXPECT_EQ(generated["tokens"].get<std::vector<std::int64_t>>(), expected_);
}

INSTANTIATE_TEST_SUITE_P(All, RecordedModel,
                         ::testing::Values("bert", "gemma3_text", "gpt2", "llama", "mistral",
                                           "phi3", "qwen3", "qwen3_moe", "vit"),
                         [](const auto& info) { return info.param; });
INSTANTIATE_TEST_SUITE_P(All, GeneratingModel,
                         ::testing::Values("gemma3_text", "gpt2", "llama", "mistral", "phi3",
                                           "qwen3", "qwen3_moe"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace paceline
