#include "worker/execute/packed_cache.h"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <fstream>
#include <span>
#include <system_error>

#include "common/base/error.h"
#include "common/base/log.h"
#include "worker/execute/read_ahead.h"

namespace paceline {

namespace {

namespace fs = std::filesystem;

constexpr const char* extension = ".packed";

// One page before the elements, which so begin on one.
struct Header {
  char magic[16] = "paceline packed";
  std::uint64_t version = 1;
  Digest what;
  std::int64_t bytes = 0;
  std::uint64_t sum = 0;
};
constexpr std::int64_t header_bytes = 4096;
static_assert(sizeof(Header) <= header_bytes);

// FNV-1a over 64-bit words, in eight lanes so that it keeps up with memory: tells damage, not
// malice.
std::uint64_t sum_of(std::span<const std::byte> bytes) {
  constexpr std::uint64_t prime = 0x100000001b3, start = 0xcbf29ce484222325;
  std::array<std::uint64_t, 8> lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = start + i;
  std::size_t at = 0;
  for (; at + sizeof lanes <= bytes.size(); at += sizeof lanes) {
    std::array<std::uint64_t, 8> words;
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = (lanes[i] ^ words[i]) * prime;
  }
  std::uint64_t sum = start;
  for (; at < bytes.size(); ++at) sum = (sum ^ static_cast<std::uint64_t>(bytes[at])) * prime;
  for (const std::uint64_t lane : lanes) sum = (sum ^ lane) * prime;
  return sum;
}

// Why a file is not what it should be, or null.
const char* fault_of(std::span<const std::byte> file, const Digest& what, std::int64_t bytes) {
  if (static_cast<std::int64_t>(file.size()) != header_bytes + bytes) return "another size";
  Header header;
  std::memcpy(static_cast<void*>(&header), file.data(), sizeof header);
  const Header wanted;
  if (std::memcmp(header.magic, wanted.magic, sizeof wanted.magic) != 0) return "no packed weight";
  if (header.version != wanted.version) return "another version";
  if (header.what != what || header.bytes != bytes) return "another weight";
  if (header.sum != sum_of(file.subspan(header_bytes))) return "damaged";
  return nullptr;
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

// Null when there is none.
std::shared_ptr<const MappedFile> open(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed)) return nullptr;
  try {
    return MappedFile::open(path);
  } catch (const Error& error) {
    warn(path, error.what());
    return nullptr;
  }
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
  return check(open(path_of(what)), {what, bytes});
}

std::vector<PreparedTensors::Bytes> PackedCache::find(std::span<const Wanted> all,
                                                      Pool& threads) const {
  std::vector<std::shared_ptr<const MappedFile>> files;
  std::vector<std::span<const std::byte>> ranges;
  for (const Wanted& wanted : all) {
    files.push_back(open(path_of(wanted.what)));
    if (files.back()) ranges.push_back(files.back()->bytes());
  }
  const ReadAhead read_ahead(std::move(ranges), {.window_bytes = bytes_max_, .stays = true});
  std::vector<PreparedTensors::Bytes> found(all.size());
  std::atomic<std::size_t> next = 0;
  threads.execute([&] {
    tbb::parallel_for(0, tbb::this_task_arena::max_concurrency(), [&](int) {
      for (std::size_t i = next++; i < all.size(); i = next++) found[i] = check(files[i], all[i]);
    });
  });
  return found;
}

PreparedTensors::Bytes PackedCache::check(const std::shared_ptr<const MappedFile>& file,
                                          const Wanted& wanted) const {
  if (!file) return nullptr;
  if (const char* fault = fault_of(file->bytes(), wanted.what, wanted.bytes)) {
    warn(file->path(), fault);
    return nullptr;
  }
  std::error_code failed;
  fs::last_write_time(file->path(), fs::file_time_type::clock::now(), failed);
  use(wanted.what, wanted.bytes);
  return std::make_shared<const AlignedBytes>(file, file->bytes().subspan(header_bytes));
}

void PackedCache::use(const Digest& what, std::int64_t bytes) const {
  const std::lock_guard lock(mutex_);
  if (used_.insert(what).second) used_bytes_ += header_bytes + bytes;
}

// Requires the lock.
bool PackedCache::fits(const Entry& entry) {
  if (used_.contains(entry.what)) return true;
  const std::int64_t bytes = header_bytes + entry.bytes->size();
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
  const Header header{.what = entry.what, .bytes = entry.bytes->size(), .sum = sum_of(elements)};
  std::array<char, header_bytes> page{};
  std::memcpy(page.data(), &header, sizeof header);
  const fs::path unfinished = path.string() + "." + Digest::random().to_string();
  std::ofstream out(unfinished, std::ios::binary);
  out.write(page.data(), page.size());
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
