#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class File : public testing::Test {
 protected:
  File() { std::filesystem::create_directory(folder_); }
  ~File() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path folder_ =
      testing::TempDir() + "paceline-file-" + std::to_string(::getpid());
};

std::string message_of(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "nothing thrown";
}

TEST_F(File, MapsWhatWasWritten) {
  write_file_atomically(folder_ / "data", "four");
  const auto mapped = MappedFile::open(folder_ / "data");
  ASSERT_THAT(mapped->bytes(), SizeIs(4));
  EXPECT_EQ(static_cast<char>(mapped->bytes()[3]), 'r');
}

TEST_F(File, MapsAnEmptyFileToNothing) {
  write_file_atomically(folder_ / "empty", "");
  EXPECT_THAT(MappedFile::open(folder_ / "empty")->bytes(), SizeIs(0));
}

TEST_F(File, IsReplacedWholeAndLeavesNothingBehind) {
  write_file_atomically(folder_ / "data", "old and long");
  write_file_atomically(folder_ / "data", "new");
  EXPECT_EQ(read_text_file(folder_ / "data"), "new");
  const auto files = std::filesystem::directory_iterator(folder_);
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(File, NamesTheFileThatIsMissing) {
  const auto path = folder_ / "missing";
  EXPECT_THAT(message_of([&] { MappedFile::open(path); }), HasSubstr("missing: No such file"));
  EXPECT_THAT(message_of([&] { read_text_file(path); }), HasSubstr("missing: No such file"));
}

TEST_F(File, RefusesAFolderWhereAFileIsWanted) {
  EXPECT_THAT(message_of([&] { MappedFile::open(folder_); }), HasSubstr("not a file"));
  EXPECT_THAT(message_of([&] { read_text_file(folder_); }), HasSubstr("not a file"));
}

TEST_F(File, CannotBeWrittenIntoAFolderThatIsMissing) {
  EXPECT_THROW(write_file_atomically(folder_ / "none" / "data", "x"), Error);
}

TEST_F(File, OfTheUserLieInTheDataFolder) {
  ::setenv("XDG_DATA_HOME", "/somewhere", 1);
  EXPECT_EQ(user_data_folder(), "/somewhere/paceline");
  ::unsetenv("XDG_DATA_HOME");
  ::setenv("HOME", "/home/someone", 1);
  EXPECT_EQ(user_data_folder(), "/home/someone/.local/share/paceline");
}

}  // namespace
}  // namespace paceline
