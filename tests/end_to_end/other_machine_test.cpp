// A store that was made on a machine with a GPU, beside rows of this machine's CPU in PostgreSQL:
// `explain --machine` then predicts for that machine, without its GPU.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/fresh_postgres.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class OtherMachine : public ::testing::Test {
 protected:
  OtherMachine() {
    const std::filesystem::path data = std::filesystem::path(PACELINE_TEST_DATA) / "h200";
    std::filesystem::copy_file(data / "h200.store", file_);
    std::filesystem::copy_file(data / "mlp.paceline", model_);
    write_zeros(
        {{"norm", {1024}}, {"gate", {3072, 1024}}, {"up", {3072, 1024}}, {"down", {1024, 3072}}});
  }

  // Weights in bf16, as a hole in their file.
  void write_zeros(const std::map<std::string, std::vector<std::int64_t>>& shapes) {
    nlohmann::json header;
    std::int64_t end = 0;
    for (const auto& [name, shape] : shapes) {
      std::int64_t bytes = 2;
      for (const std::int64_t extent : shape) bytes *= extent;
      header[name] = {{"dtype", "BF16"}, {"shape", shape}, {"data_offsets", {end, end + bytes}}};
      end += bytes;
    }
    const std::string text = header.dump();
    const std::string path = scratch_ / "mlp.safetensors";
    const std::uint64_t length = text.size();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(&length), sizeof length)
        .write(text.data(), static_cast<std::streamsize>(length));
    std::filesystem::resize_file(path, sizeof length + length + static_cast<std::uint64_t>(end));
  }

  testing::Ended paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    arguments.insert(arguments.end(), {"--store", store_});
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {{"PACELINE_STORE", ""}})
        .wait();
  }

  testing::Scratch scratch_;
  const std::string file_ = scratch_ / "h200.store";
  const std::string model_ = scratch_ / "mlp.paceline";
  const std::string store_ = testing::fresh_postgres_store_url();
};

TEST_F(OtherMachine, IsSpokenForByItsRowsBesideOurs) {
  const auto measured = paceline({"measure", std::string(PACELINE_TEST_DATA) + "/models/vit",
                                  "--regime", "hot", "--sitting-seconds", "0.01", "--bind", "B=1"});
  ASSERT_EQ(measured.exit_code, 0) << measured.errors;
  for (int times = 0; times < 2; ++times) {
    const auto imported = paceline({"store", "import", file_});
    ASSERT_EQ(imported.exit_code, 0) << imported.errors;
  }
  const auto counted = paceline({"store", "query", "select count(*) from machine", "--csv"});
  EXPECT_THAT(counted.output, HasSubstr("2"));

  const auto told = paceline(
      {"explain", model_, "--machine", "H200", "--device", "cuda:0", "--no-search", "--json"});
  if (told.exit_code == 2) {
    EXPECT_THAT(told.errors, HasSubstr("built without CUDA kernels"));
    return;
  }
  ASSERT_EQ(told.exit_code, 0) << told.errors;
  const auto said = nlohmann::json::parse(told.output);
  EXPECT_THAT(said["machine_model"], HasSubstr("H200"));
  EXPECT_THAT(told.output, Not(HasSubstr("measured here")));
  ASSERT_EQ(said["nodes"].size(), 6u);
  for (const auto& node : said["nodes"]) {
    EXPECT_EQ(node["device"], "cuda:0");
    EXPECT_FALSE(node["estimate"]["records"].empty()) << node.dump(1);
    EXPECT_LT(node["estimate"]["seconds"], 1e-4);
  }
  // Of a few microseconds each, most of them in the weights.
  EXPECT_GT(said["predicted_s"], 10e-6);
  EXPECT_LT(said["predicted_s"], 100e-6);
}

}  // namespace
}  // namespace paceline
