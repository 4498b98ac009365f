#include "ops-tools/bench/protocol.h"

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "tests/support/scratch.h"

namespace paceline::bench {
namespace {

constexpr std::size_t taken = 64 << 20;
// The address sanitizer's shadow takes an eighth of it.
constexpr std::int64_t noise = 16 << 20;

TEST(MemoryRise, CountsWhatWasTakenAndGivenBack) {
  const MemoryRise rise;
  if (!rise.peak_bytes()) GTEST_SKIP() << "/proc/self/clear_refs cannot be written";
  {
    std::vector<char> held(taken, 'x');
    EXPECT_EQ(held[taken / 2], 'x');
  }

  EXPECT_NEAR(*rise.peak_bytes(), taken, noise);
}

TEST(MemoryRise, CountsNoPagesOfFiles) {
  const testing::Scratch scratch;
  write_file_atomically(scratch / "file", std::string(taken, 'x'));
  const auto file = MappedFile::open(scratch / "file");
  const MemoryRise rise;
  if (!rise.peak_bytes()) GTEST_SKIP() << "/proc/self/clear_refs cannot be written";
  int sum = 0;
  for (const std::byte byte : file->bytes()) sum += byte == std::byte{'x'};

  EXPECT_EQ(sum, taken);
  EXPECT_LT(*rise.peak_bytes(), noise);
}

}  // namespace
}  // namespace paceline::bench
