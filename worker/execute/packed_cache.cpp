#include "worker/execute/packed_cache.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <optional>
#include <span>
#include <system_error>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "worker/execute/packed_file.h"
#include "worker/execute/pages.h"

namespace paceline {

namespace {

namespace fs = std::filesystem;

constexpr const char* extension = ".packed";
// Whatever the cores: the disk then need not wait for sums.
constexpr int readers_min = 3;

std::int64_t file_bytes(std::int64_t elements) {
  return static_cast<std::int64_t>(packed_file::header_bytes) + elements;
}

struct CachedFile {
  fs::file_time_type used;
  fs::path path;
  std::int64_t bytes = 0;
};

// Those that are complete, the least recently used first; what a killed process left half-written
// goes after an hour.
std::vector<CachedFile> files_of(const fs::path& folder) {
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::vector<CachedFile> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    std::error_code gone;  // Another process may prune at the same time.
    const auto bytes = static_cast<std::int64_t>(entry->file_size(gone));
    const fs::file_time_type used = entry->last_write_time(gone);
    if (gone) continue;
    if (entry->path().extension() == extension) {
      files.push_back({used, entry->path(), bytes});
    } else if (entry->path().stem().extension() == extension && used < long_ago) {
      fs::remove(entry->path(), gone);
    }
  }
  std::ranges::sort(files, {}, &CachedFile::used);
  return files;
}

void warn(const fs::path& path, const char* reason) {
  log::warning("packed-weight-ignored", {{"path", path.string()}, {"reason", reason}});
}

// One that may be what is wanted, while it is being read.
struct Opened {
  const PackedCache::Wanted& wanted;
  std::shared_ptr<const MappedFile> file;
  std::vector<std::uint64_t> sums;  // By piece.

  std::span<const std::byte> elements() const {
    return file->bytes().subspan(packed_file::header_bytes);
  }
  // A piece of the elements; the first with the page before them.
  std::span<const std::byte> bytes_of(std::size_t piece) const {
    const auto bytes = packed_file::piece(elements(), piece);
    if (piece > 0) return bytes;
    return file->bytes().first(packed_file::header_bytes + bytes.size());
  }
  void read(std::size_t piece) {  // Afterwards it is resident.
    read_pages(bytes_of(piece));
    sums[piece] = packed_file::sum_of(packed_file::piece(elements(), piece));
  }
  const char* fault() const {  // Once all of it was read.
    return packed_file::fault_of(file->bytes(), wanted.what, elements().size(), sums);
  }
};

// nullopt when there is none, or one of another size.
std::optional<Opened> open(const fs::path& path, const PackedCache::Wanted& wanted) {
  std::error_code failed;
  if (!fs::exists(path, failed)) return std::nullopt;
  try {
    const auto file = MappedFile::open(path);
    const auto bytes = static_cast<std::size_t>(wanted.bytes);
    if (file->bytes().size() == packed_file::header_bytes + bytes) {
      return Opened{wanted, file, std::vector<std::uint64_t>(packed_file::piece_count(bytes))};
    }
    warn(path, "another size");
  } catch (const Error& error) {
    warn(path, error.what());
  }
  return std::nullopt;
}

// In this order: one thread asks for pieces, so that the disk always has several to bring, others
// wait for them and sum.
void read_all(std::span<std::optional<Opened>> files, int threads) {
  struct Piece {
    Opened* file;
    std::size_t index;
  };
  std::vector<Piece> pieces;
  for (std::optional<Opened>& file : files) {
    if (!file) continue;
    for (std::size_t i = 0; i < file->sums.size(); ++i) pieces.push_back({&*file, i});
  }
  std::atomic<std::size_t> next = 0;
  const auto read = [&] {
    for (std::size_t i = next++; i < pieces.size(); i = next++) {
      pieces[i].file->read(pieces[i].index);
    }
  };
  std::vector<std::jthread> others;
  if (pieces.size() > 1) {
    others.emplace_back([&] {
      for (const Piece& piece : pieces) request_pages(piece.file->bytes_of(piece.index));
    });
  }
  const auto readers = std::min<std::size_t>(threads, pieces.size());
  for (std::size_t i = 1; i < readers; ++i) others.emplace_back(read);
  read();
}

}  // namespace

PackedCache::~PackedCache() {
  wait();
  if (writer_.joinable()) writer_.join();
}

void PackedCache::hold() {
  const std::lock_guard lock(mutex_);
  is_held_ = true;
}

void PackedCache::release() {
  const std::lock_guard lock(mutex_);
  is_held_ = false;
  start_writing();
}

void PackedCache::wait() {
  release();
  std::unique_lock lock(mutex_);
  written_.wait(lock, [&] { return !is_writing_; });
}

fs::path PackedCache::path_of(const Digest& what) const {
  return folder_ / (what.to_string() + extension);
}

PreparedTensors::Bytes PackedCache::find(const Digest& what, std::int64_t bytes) const {
  const Wanted wanted{what, bytes};
  return find({&wanted, 1}, 1).front();
}

std::vector<PreparedTensors::Bytes> PackedCache::find(std::span<const Wanted> all,
                                                      int threads) const {
  std::vector<std::optional<Opened>> files;
  for (const Wanted& wanted : all) files.push_back(open(path_of(wanted.what), wanted));
  read_all(files, std::max(threads, readers_min));
  std::vector<PreparedTensors::Bytes> found(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!files[i]) continue;
    const auto& file = files[i]->file;
    if (const char* fault = files[i]->fault()) {
      warn(file->path(), fault);
      continue;
    }
    std::error_code failed;
    fs::last_write_time(file->path(), fs::file_time_type::clock::now(), failed);
    use(all[i].what, all[i].bytes);
    found[i] = std::make_shared<const AlignedBytes>(file, files[i]->elements());
  }
  return found;
}

void PackedCache::use(const Digest& what, std::int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  if (used_.insert(what).second) used_bytes_ += file_bytes(bytes);
}

// Requires the lock.
bool PackedCache::fits(const Entry& entry) {
  if (used_.contains(entry.what)) return true;
  const std::int64_t bytes = file_bytes(entry.bytes->size());
  if (bytes > bytes_max_ - used_bytes_) return false;
  used_.insert(entry.what);
  used_bytes_ += bytes;
  return true;
}

void PackedCache::put(std::vector<Entry> entries) {
  std::int64_t left_out = 0;
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries) {
    if (fits(entry)) {
      queue_.push_back(std::move(entry));
    } else {
      left_out += entry.bytes->size();
    }
  }
  if (left_out > 0) {
    log::info("packed-weights-left-out",
              {{"folder", folder_.string()}, {"bytes", left_out}, {"bytes_max", bytes_max_}});
  }
  start_writing();
}

// Requires the lock.
void PackedCache::start_writing() {
  if (is_held_ || is_writing_ || queue_.empty()) return;
  if (writer_.joinable()) writer_.join();  // It has nothing left to do.
  is_writing_ = true;
  writer_ = std::thread([this] { write_all(); });
}

void PackedCache::write_all() {
  // Of this thread alone, where who packed is about to run: a tenth of a core while all are taken.
  ::setpriority(PRIO_PROCESS, 0, 10);
  std::unique_lock lock(mutex_);
  while (!queue_.empty()) {
    const Entry entry = queue_.front();
    const bool is_last = queue_.size() == 1;
    lock.unlock();
    const bool is_written = try_write(entry, is_last);
    lock.lock();
    queue_.pop_front();
    if (!is_written) queue_.clear();  // The rest would fare no better.
  }
  is_writing_ = false;
  written_.notify_all();
}

bool PackedCache::try_write(const Entry& entry, bool is_last) const {
  try {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    write(entry);
    if (is_last) prune();
    return true;
  } catch (const std::exception& error) {
    log::warning("packed-weight-not-written",
                 {{"folder", folder_.string()}, {"reason", error.what()}});
    return false;
  }
}

void PackedCache::write(const Entry& entry) const {
  const fs::path path = path_of(entry.what);
  const std::span<const std::byte> elements(entry.bytes->data(),
                                            static_cast<std::size_t>(entry.bytes->size()));
  const auto header =
      packed_file::header(entry.what, elements.size(), packed_file::sums_of(elements));
  const fs::path unfinished = path.string() + "." + Digest::random().to_string();
  std::ofstream out(unfinished, std::ios::binary);
  out.write(reinterpret_cast<const char*>(header.data()), header.size());
  out.write(reinterpret_cast<const char*>(elements.data()),
            static_cast<std::streamsize>(elements.size()));
  out.close();
  std::error_code failed;
  if (out) fs::rename(unfinished, path, failed);
  if (out && !failed) return;
  std::error_code gone;
  fs::remove(unfinished, gone);
  throw unavailable("cannot write {}: make room or name another folder", path.string());
}

void PackedCache::prune() const {
  const std::vector<CachedFile> files = files_of(folder_);
  std::int64_t bytes = 0;
  for (const CachedFile& file : files) bytes += file.bytes;
  for (const CachedFile& file : files) {
    if (bytes <= bytes_max_) return;
    std::error_code gone;
    fs::remove(file.path, gone);
    bytes -= file.bytes;
  }
}

}  // namespace paceline
