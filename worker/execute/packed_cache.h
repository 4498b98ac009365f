#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <span>
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
  // As find() each, by so many threads or more, which read the files in this order. All of them are
  // resident afterwards.
  struct Wanted {
    Digest what;
    std::int64_t bytes = 0;
  };
  std::vector<PreparedTensors::Bytes> find(std::span<const Wanted> all, int threads) const;
  // Writes them in the background, one after the other, at a low priority, and returns at once.
  struct Entry {
    Digest what;
    PreparedTensors::Bytes bytes;
  };
  void put(std::vector<Entry> entries);
  // From now on what is put is not written until release(), wait() or the end, so that a first
  // result need not share cores and memory with it.
  void hold();
  void release();
  // Until everything that was put is written.
  void wait();

  std::filesystem::path path_of(const Digest& what) const;

 private:
  bool fits(const Entry& entry);
  void start_writing();
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
  bool is_held_ = false;
  bool is_writing_ = false;
  std::thread writer_;  // Joinable once it was started.
  mutable std::set<Digest> used_;
  mutable std::int64_t used_bytes_ = 0;
};

}  // namespace paceline
