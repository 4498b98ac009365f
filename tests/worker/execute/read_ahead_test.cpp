#include "worker/execute/read_ahead.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <string>

#include "common/base/file.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

constexpr std::size_t file_bytes = 64 << 20;

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

// Of memory mapped from files, in this process.
std::size_t resident_file_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::size_t kib = 0;
  while (status >> word) {
    if (word == "RssFile:") status >> kib;
  }
  return kib << 10;
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

class ReadAheadOfAFile : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(scratch_ / "weights", std::string(file_bytes, '\1'));
    drop_from_page_cache(scratch_ / "weights");
    file_ = MappedFile::open(scratch_ / "weights");
    if (cached_pages(file_->bytes()) > 0) GTEST_SKIP() << "this file system keeps its pages";
  }
  std::span<const std::byte> quarter(int i) const {
    return file_->bytes().subspan(i * (file_bytes / 4), file_bytes / 4);
  }
  static bool is_read(std::span<const std::byte> bytes) {
    return cached_pages(bytes) == bytes.size() / 4096;
  }

  const testing::Scratch scratch_;
  std::shared_ptr<const MappedFile> file_;
};

TEST_F(ReadAheadOfAFile, StaysWithinItsWindow) {
  ReadAhead read_ahead({quarter(0), quarter(2), quarter(3)}, {.window_bytes = file_bytes / 4});
  EXPECT_TRUE(eventually([&] { return is_read(quarter(0)); }));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(is_read(quarter(3)));
  read_ahead.reached(2);
  EXPECT_TRUE(eventually([&] { return is_read(quarter(3)); }));
}

TEST_F(ReadAheadOfAFile, LeavesResidentMemoryAsItWasUnlessToldToStay) {
  const auto read = [&](bool stays) {
    const std::size_t before = resident_file_bytes();
    ReadAhead read_ahead({file_->bytes()}, {.stays = stays});
    EXPECT_TRUE(eventually([&] { return is_read(file_->bytes()); }));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // To forget the last piece.
    return resident_file_bytes() - before;
  };
  EXPECT_LT(read(false), file_bytes / 2);
  EXPECT_GT(read(true), file_bytes / 2);
}

TEST_F(ReadAheadOfAFile, ReadsWeights) {
  const std::byte* data = file_->bytes().data();
  const std::int64_t half = file_bytes / 2;
  const auto read_ahead = read_ahead_of({{"b", Tensor(Dtype::u8, {half}, file_, data)},
                                         {"a", Tensor(Dtype::u8, {half}, file_, data + half)},
                                         {"own", Tensor(Dtype::u8, {10})}});
  EXPECT_TRUE(eventually([&] { return is_read(file_->bytes()); }));
}

TEST(ReadAhead, PassesOverOtherMemory) {
  const std::vector<std::byte> own(1 << 20, std::byte{3});
  ReadAhead({own, own}).reached(1);
  EXPECT_EQ(own, std::vector<std::byte>(1 << 20, std::byte{3}));
}

TEST(ReadAhead, TakesNothingToRead) { ReadAhead({}).reached(0); }

}  // namespace
}  // namespace paceline
