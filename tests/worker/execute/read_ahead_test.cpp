#include "worker/execute/read_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>

#include "common/base/file.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

constexpr std::size_t file_bytes = 16 << 20;

// Of the file's pages, those in the page cache.
std::size_t cached_pages(std::span<const std::byte> mapped) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> pages((mapped.size() + page - 1) / page);
  EXPECT_EQ(::mincore(const_cast<std::byte*>(mapped.data()), mapped.size(), pages.data()), 0);
  return static_cast<std::size_t>(
      std::ranges::count_if(pages, [](unsigned char flags) { return (flags & 1) != 0; }));
}

void drop_from_page_cache(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDONLY);
  ASSERT_GE(file, 0);
  ::fsync(file);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
}

bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1000 && !holds(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return holds();
}

TEST(ReadAhead, BringsInWhatNobodyHasTouched) {
  const testing::Scratch scratch;
  write_file_atomically(scratch / "weights", std::string(file_bytes, '\1'));
  drop_from_page_cache(scratch / "weights");
  const auto file = MappedFile::open(scratch / "weights");
  if (cached_pages(file->bytes()) > 0) GTEST_SKIP() << "this file system keeps its pages";
  const auto half = file->bytes().first(file_bytes / 2);
  const ReadAhead read_ahead({half});
  EXPECT_TRUE(eventually([&] { return cached_pages(half) == half.size() / 4096; }));
  EXPECT_LT(cached_pages(file->bytes().subspan(file_bytes / 2)), file_bytes / 2 / 4096);
}

TEST(ReadAhead, PassesOverOtherMemory) {
  const std::vector<std::byte> own(1 << 20, std::byte{3});
  ReadAhead({own, own}).reached(1);
  EXPECT_EQ(own, std::vector<std::byte>(1 << 20, std::byte{3}));
}

TEST(ReadAhead, TakesNothingToRead) { ReadAhead({}).reached(0); }

}  // namespace
}  // namespace paceline
