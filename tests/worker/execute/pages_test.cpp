#include "worker/execute/pages.h"

#include <gtest/gtest.h>

#include <fstream>
#include <numeric>
#include <string>

#include "common/base/file.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

constexpr std::size_t file_bytes = 32 << 20;

// Of memory mapped from files, in this process.
std::size_t resident_file_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "RssFile:") continue;
    std::size_t kib = 0;
    status >> kib;
    return kib << 10;
  }
  return 0;
}

int sum(std::span<const std::byte> bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), 0,
                         [](int total, std::byte b) { return total + static_cast<int>(b); });
}

TEST(FileMappings, ForgetPagesThatComeBackFromTheFile) {
  const testing::Scratch scratch;
  write_file_atomically(scratch / "weights", std::string(file_bytes, '\1'));
  const auto file = MappedFile::open(scratch / "weights");
  EXPECT_EQ(sum(file->bytes()), static_cast<int>(file_bytes));
  const std::size_t before = resident_file_bytes();
  FileMappings().forget(file->bytes());
  EXPECT_LT(resident_file_bytes() + file_bytes / 2, before);
  EXPECT_EQ(sum(file->bytes()), static_cast<int>(file_bytes));
}

TEST(FileMappings, LeaveOtherMemoryAsItIs) {
  const std::vector<std::byte> own(1 << 20, std::byte{3});
  FileMappings().forget(own);
  FileMappings().read(own);
  EXPECT_EQ(sum(own), 3 << 20);
}

}  // namespace
}  // namespace paceline
