#include "kernels/generated/loadable.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/subprocess.h"
#include "kernels/generated/compiler.h"

namespace paceline::kernels {
namespace {

class LoadObstacle : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(copy_); }

  void write(const std::string& bytes) { write_file_atomically(copy_, bytes); }

  std::filesystem::path copy_ =
      std::filesystem::temp_directory_path() / Digest::random().to_string();
};

TEST_F(LoadObstacle, IsNoneForTheModule) {
  if (const auto absence = generated_code_absence()) GTEST_SKIP() << *absence;
  EXPECT_EQ(load_obstacle(program_folder().parent_path() / "lib/libpaceline_llvm.so"),
            std::nullopt);
}

TEST_F(LoadObstacle, IsALibraryThatIsNowhere) {
  if (const auto absence = generated_code_absence()) GTEST_SKIP() << *absence;
  std::string bytes = read_text_file(program_folder().parent_path() / "lib/libpaceline_llvm.so");
  const std::size_t at = bytes.find("libLLVM");
  ASSERT_NE(at, std::string::npos);
  bytes.replace(at, 7, "libNONE");
  write(bytes);
  EXPECT_THAT(load_obstacle(copy_).value_or("none"), testing::HasSubstr("libNONE"));
}

TEST_F(LoadObstacle, IsWhatIsNoSharedObject) {
  write("nothing that a loader takes");
  EXPECT_THAT(load_obstacle(copy_).value_or("none"), testing::HasSubstr(copy_.string()));
  write("\177ELF and then it ends");
  EXPECT_THAT(load_obstacle(copy_).value_or("none"), testing::HasSubstr(copy_.string()));
}

}  // namespace
}  // namespace paceline::kernels
