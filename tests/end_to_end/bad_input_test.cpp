// Wrong requests through the command line: exit code 2, nothing on standard output, one line on
// standard error that names the value.

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "common/base/file.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;

class BadInput : public ::testing::Test {
 protected:
  BadInput() {
    std::filesystem::copy(data("qwen3"), model_);
    for (const auto& entry : std::filesystem::directory_iterator(model_)) {
      std::filesystem::permissions(entry, std::filesystem::perms::owner_all);
    }
  }

  static std::string data(const std::string& name) {
    return std::string(PACELINE_TEST_DATA) + "/models/" + name;
  }
  static std::string inputs_of(const std::string& name) {
    return data(name) + "/golden.safetensors";
  }

  void replace(const std::string& file, const std::string& what, const std::string& by) {
    std::string text = read_text_file(model_ / file);
    const std::size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    write_file_atomically(model_ / file, text.replace(at, what.size(), by));
  }

  testing::Ended paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {{"PACELINE_STORE", ""}})
        .wait();
  }
  void expect_refusal(const std::vector<std::string>& arguments, const std::string& message) {
    const testing::Ended ended = paceline(arguments);
    EXPECT_EQ(ended.exit_code, 2) << ended.errors;
    EXPECT_EQ(ended.output, "");
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
    EXPECT_THAT(ended.errors, HasSubstr(message));
  }
  void expect_model_refused(const std::string& message) {
    expect_refusal({"run", model_, "--input", inputs_of("qwen3"), "--store", "none"}, message);
  }

  testing::Scratch scratch_;
  const std::filesystem::path model_ = scratch_ / "model";
};

TEST_F(BadInput, MeasuringNothingOrALinkThatIsNotThere) {
  expect_refusal({"measure"}, "Give a MODEL, or --links");
  expect_refusal({"measure", "--links"}, "give --device cuda:K or auto: cpu");
  // Without a GPU for another reason than with some.
  expect_refusal({"measure", "--links", "--device", "cuda:99"}, "cuda:99");
  expect_refusal({"run", data("qwen3"), "--random", "1", "--device", "cuda:99"}, "cuda:99");
}

TEST_F(BadInput, TruncatedWeights) {
  std::filesystem::resize_file(model_ / "model.safetensors", 100000);
  expect_model_refused("damaged or cut short");
}

TEST_F(BadInput, WeightsWithAHeaderBeyondTheFile) {
  std::fstream file(model_ / "model.safetensors", std::ios::binary | std::ios::in | std::ios::out);
  const std::uint64_t length = 90000000;
  file.write(reinterpret_cast<const char*>(&length), sizeof(length));
  file.close();
  expect_model_refused("90000000");
}

TEST_F(BadInput, WeightsOfAnUnknownDtype) {
  replace("model.safetensors", "\"F32\"", "\"F99\"");
  expect_model_refused("\"F99\"");
}

TEST_F(BadInput, MissingShard) {
  std::filesystem::remove(model_ / "model.safetensors");
  write_file_atomically(model_ / "model.safetensors.index.json",
                        R"({"weight_map": {"model.norm.weight": "model-00002.safetensors"}})");
  expect_model_refused("shard model-00002.safetensors is missing");
}

TEST_F(BadInput, UnknownArchitecture) {
  replace("config.json", "\"qwen3\"", "\"mamba9\"");
  expect_model_refused("mamba9");
}

TEST_F(BadInput, ImpossibleHeadCount) {
  replace("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 3");
  expect_model_refused("num_key_value_heads must divide num_attention_heads: 2 and 3");
}

TEST_F(BadInput, ConfigurationThatIsNoJson) {
  write_file_atomically(model_ / "config.json", "{\"model_type\": ");
  expect_model_refused("config.json");
}

TEST_F(BadInput, MissingInput) {
  expect_refusal({"run", data("qwen3"), "--input", inputs_of("vit"), "--store", "none"},
                 "lacks the input input_ids: i64[B,N]");
}

TEST_F(BadInput, InputOfAnotherShapeThanBound) {
  expect_refusal(
      {"run", data("qwen3"), "--input", inputs_of("qwen3"), "--bind", "N=4", "--store", "none"},
      "input_ids has 40 where N=4 is bound");
}

TEST_F(BadInput, UnboundSymbol) {
  expect_refusal({"explain", data("qwen3"), "--bind", "N=4", "--store", "none"},
                 "symbol B is not bound: give --bind B=NUMBER");
}

TEST_F(BadInput, UnreachableStore) {
  expect_refusal({"run", data("qwen3"), "--input", inputs_of("qwen3"), "--store",
                  "postgresql://nobody@127.0.0.1:1/none"},
                 "postgresql://nobody@127.0.0.1:1/none");
}

TEST_F(BadInput, StoreOfANewerSchema) {
  const std::string store = model_ / "newer.db";
  ASSERT_EQ(paceline({"store", "init", "--store", store}).exit_code, 0);
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(store.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(
      sqlite3_exec(database, "insert into schema_step values (9999, '9999_add_wonders', 'x', 0)",
                   nullptr, nullptr, nullptr),
      SQLITE_OK);
  sqlite3_close(database);
  expect_refusal({"run", data("qwen3"), "--input", inputs_of("qwen3"), "--store", store},
                 "9999_add_wonders");
}

TEST_F(BadInput, StoreThatIsNoDatabase) {
  write_file_atomically(model_ / "text.db", std::string(4096, 'x'));
  expect_refusal(
      {"run", data("qwen3"), "--input", inputs_of("qwen3"), "--store", model_ / "text.db"},
      "text.db");
}

TEST_F(BadInput, UnknownFlag) { expect_refusal({"run", data("qwen3"), "--frob"}, "--frob"); }

TEST_F(BadInput, UnknownSubcommand) { expect_refusal({"frobnicate"}, "frobnicate"); }

TEST_F(BadInput, TokenOutsideTheVocabulary) {
  expect_refusal({"generate", data("qwen3"), "--tokens", "1,99999", "--store", "none"}, "99999");
}

}  // namespace
}  // namespace paceline
