#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "common/base/digest.h"
#include "worker/execute/prepared.h"

namespace paceline {

// What prologues computed, in files by what it is computed from, so that the next program maps it
// in place of computing it. What cannot be read, is damaged or is somebody else's is as if it were
// not there, with a line in the log, and is replaced; a folder that cannot be written keeps
// nothing, with a line in the log. Several processes may share a folder: readers see whole files.
// Any thread.
class PackedCache {
 public:
  // Beyond `bytes_max`, the files that were not used for the longest time go. What this cache found
  // or put is in use: no put displaces it, and what does not fit beside it is not kept.
  explicit PackedCache(std::filesystem::path folder,
                       std::int64_t bytes_max = std::int64_t{16} << 30)
      : folder_(std::move(folder)), bytes_max_(bytes_max) {}
  ~PackedCache();  // Waits for what is being written.
  PackedCache(const PackedCache&) = delete;
  PackedCache& operator=(const PackedCache&) = delete;

  // `bytes` as they were computed, mapped from the file and checked against its sum; null when
  // there are none.
  PreparedTensors::Bytes find(const Digest& what, std::int64_t bytes) const;
  // Writes them in the background, one after the other, at a low priority, and returns at once.
  struct Entry {
    Digest what;
    PreparedTensors::Bytes bytes;
  };
  void put(std::vector<Entry> entries);
  // Until everything that was put is written.
  void wait();

  std::filesystem::path path_of(const Digest& what) const;

 private:
  bool fits(const Entry& entry);
  void write_all();  // What the writer does, until there is nothing left to write.
  bool try_write(const Entry& entry, bool is_last) const;
  void write(const Entry& entry) const;
  void prune() const;
  void use(const Digest& what, std::int64_t bytes) const;

  const std::filesystem::path folder_;
  const std::int64_t bytes_max_;
  mutable std::mutex mutex_;  // Guards all below.
  std::condition_variable written_;
  std::deque<Entry> queue_;  // The first is being written.
  std::thread writer_;       // Joinable once something was put, and done when the queue is empty.
  mutable std::set<Digest> used_;
  mutable std::int64_t used_bytes_ = 0;
};

}  // namespace paceline
