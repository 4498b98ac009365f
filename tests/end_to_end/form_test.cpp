// --form generate: what `generate` plans can be explained and searched, a token's plan and the
// prompt's.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class FormTest : public ::testing::Test {
 protected:
  testing::Ended paceline(const std::string& command, const std::string& length,
                          std::vector<std::string> more) {
    std::vector<std::string> arguments = {"paceline", command,   model_,   "--form", "generate",
                                          "--bind",   "B=1",     "--bind", length,   "--bind",
                                          "past=40",  "--store", "none"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {}).wait();
  }

  testing::Scratch scratch_;
  const std::string model_ = std::string(PACELINE_TEST_DATA) + "/models/qwen3";
};

TEST_F(FormTest, ATokensPlanIsExplained) {
  const auto ended = paceline("explain", "N=1", {"--bind", "capacity=64", "--no-search"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  // One query, 41 keys.
  EXPECT_THAT(ended.output, HasSubstr("attention(f32[1,4,1,32], f32[1,2,41,32], f32[1,2,41,32]"));
}

TEST_F(FormTest, APromptsPlanIsExplained) {
  const auto ended = paceline("explain", "N=7", {"--bind", "capacity=64", "--no-search"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("attention(f32[1,4,7,32], f32[1,2,47,32]"));
}

TEST_F(FormTest, PathsOfATokenAreSearched) {
  const auto ended = paceline("paths", "N=1", {"--bind", "capacity=64", "--best", "3", "--json"});
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const json document = json::parse(ended.output);
  EXPECT_EQ(document["paths"].size(), 3u);
  EXPECT_EQ(document["bindings"]["past"], 40);
}

TEST_F(FormTest, WhatTheFormNeedsMustBeBound) {
  for (const char* command : {"explain", "paths"}) {
    std::vector<std::string> more;
    if (std::string(command) == "paths") more = {"--count"};
    const auto ended = paceline(command, "N=1", more);
    EXPECT_EQ(ended.exit_code, 2);
    EXPECT_THAT(ended.errors, HasSubstr("capacity"));
  }
}

}  // namespace
}  // namespace paceline
