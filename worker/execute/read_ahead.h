#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "worker/execute/pages.h"

namespace paceline {

// Has the system read ranges of mapped files before somebody touches them, in the order in which
// that will happen: a thread of its own asks for them, so that the disk and whoever computes from
// what it read work at the same time. One thread calls.
class ReadAhead {
 public:
  // At most this many bytes are asked for beyond what was reached, since what is read too early may
  // be dropped again before it is used.
  static constexpr std::int64_t window_bytes = std::int64_t{512} << 20;

  // Bytes of no mapped file are passed over. Keeps none of the ranges mapped.
  explicit ReadAhead(std::vector<std::span<const std::byte>> ranges);
  ~ReadAhead();  // Asks for no more.
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The first `count` ranges are not needed any more.
  void reached(std::size_t count);

 private:
  void ask_for_all();
  bool wait_for_room(std::int64_t bytes);  // False: it is to stop.

  const std::vector<std::span<const std::byte>> ranges_;
  std::vector<std::int64_t> starts_;  // By range, the bytes before it; then those of all.
  std::mutex mutex_;                  // Guards all below.
  std::condition_variable moved_;
  std::int64_t reached_bytes_ = 0;
  bool is_stopped_ = false;
  std::thread thread_;
};

}  // namespace paceline
