#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/graph/tensor.h"
#include "worker/execute/pages.h"

namespace paceline {

// Reads ranges of mapped files before somebody touches them, in the order in which that will
// happen: threads of its own do, so that the disk has several requests at a time and whoever
// computes from what they read need not wait. One thread calls.
class ReadAhead {
 public:
  struct Options {
    // At most so many bytes are read beyond what was reached, since what is read too early may be
    // dropped again before it is used.
    std::int64_t window_bytes = std::int64_t{512} << 20;
    // What was read stays in this process's resident memory, not in the page cache alone.
    bool stays = false;
    int threads = 2;  // Of its own; they wait for the disk for most of the time.
  };

  // Bytes of no mapped file are passed over. Keeps none of the ranges mapped.
  ReadAhead(std::vector<std::span<const std::byte>> ranges, Options options);
  explicit ReadAhead(std::vector<std::span<const std::byte>> ranges)
      : ReadAhead(std::move(ranges), Options{}) {}
  ~ReadAhead();  // Reads no more.
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The first `count` ranges are not needed any more.
  void reached(std::size_t count);

 private:
  void read_all();
  // The next one once there is room for it; empty: it is to stop.
  std::span<const std::byte> next_piece();

  const std::vector<std::span<const std::byte>> ranges_;
  const Options options_;
  const FileMappings mappings_;
  std::vector<std::int64_t> starts_;  // By range, the bytes before it; then those of all.
  std::mutex mutex_;                  // Guards all below, but for the threads.
  std::condition_variable moved_;
  std::int64_t reached_bytes_ = 0;
  std::size_t range_ = 0;  // That of the next piece, which starts `at_` bytes into it.
  std::size_t at_ = 0;
  bool is_stopped_ = false;
  std::vector<std::thread> threads_;
};

// Has weights read before it is known what will be done with them: in the order in which they lie
// in their files, and no more of them than half of the memory that there is. `stays` as in Options.
std::unique_ptr<ReadAhead> read_ahead_of(const std::map<std::string, Tensor, std::less<>>& weights,
                                         bool stays = false);
// Takes the pages of weights that lie in mapped files out of this process's resident memory.
void forget(const std::map<std::string, Tensor, std::less<>>& weights);

}  // namespace paceline
