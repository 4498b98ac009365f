#include "common/models/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

class CheckpointFolder : public testing::Test {
 protected:
  CheckpointFolder()
      : folder_(fs::temp_directory_path() / ("paceline-model-" + Digest::random().to_string())) {
    fs::create_directory(folder_);
  }
  ~CheckpointFolder() override { fs::remove_all(folder_); }

  void write_shard(const std::string& file, const std::string& tensor, float value) {
    write_safetensors(folder_ / file, {{tensor, Tensor::of<float>({1}, {value})}});
  }
  void write_index(const std::string& weight_map) {
    write_file_atomically(folder_ / "model.safetensors.index.json",
                          "{\"weight_map\":" + weight_map + "}");
  }
  std::string refusal() {
    try {
      open_checkpoint(folder_);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      return error.what();
    }
    return "accepted";
  }

  fs::path folder_;
};

TEST_F(CheckpointFolder, JoinsItsShards) {
  write_shard("one.safetensors", "a", 1);
  write_shard("two.safetensors", "b", 2);
  write_index(R"({"a":"one.safetensors","b":"two.safetensors"})");

  const Checkpoint checkpoint = open_checkpoint(folder_);

  EXPECT_THAT(checkpoint.tensors.at("a").to_doubles(), ElementsAre(1));
  EXPECT_THAT(checkpoint.tensors.at("b").to_doubles(), ElementsAre(2));
}

TEST_F(CheckpointFolder, NamesAMissingShardAndItsPlace) {
  write_shard("one.safetensors", "a", 1);
  write_index(R"({"a":"one.safetensors","b":"two.safetensors"})");

  EXPECT_THAT(refusal(), AllOf(HasSubstr("shard two.safetensors is missing"),
                               HasSubstr((folder_ / "two.safetensors").string())));
}

TEST_F(CheckpointFolder, NamesATensorThatItsShardLacks) {
  write_shard("one.safetensors", "a", 1);
  write_index(R"({"b":"one.safetensors"})");

  EXPECT_THAT(refusal(), HasSubstr("holds no tensor \"b\""));
}

TEST_F(CheckpointFolder, LetsNoIndexLeadOutOfTheFolder) {
  for (const char* file :
       {R"("../one.safetensors")", R"("/etc/passwd")", R"("..")", R"("")", "1"}) {
    write_index(std::string("{\"a\":") + file + "}");
    EXPECT_THAT(refusal(), HasSubstr("must be a file name")) << file;
  }
}

TEST_F(CheckpointFolder, SaysWhatItExpectsWhenEmpty) {
  EXPECT_THAT(refusal(), HasSubstr("expected model.safetensors or model.safetensors.index.json"));
}

}  // namespace
}  // namespace paceline
