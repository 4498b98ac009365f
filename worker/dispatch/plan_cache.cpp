#include "worker/dispatch/plan_cache.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <vector>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"

namespace paceline {

namespace {

namespace fs = std::filesystem;

// The first line of a file; the second is the digest of the rest. Another layout, or texts that
// mean something else, take the next number.
constexpr std::string_view magic = "paceline plan ";
constexpr std::string_view version = "2";
constexpr const char* extension = ".plan";

Digest checksum(std::string_view text) { return Hasher("plan file/1").add(text).finish(); }

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// "KEY.plan.XXXXXX", as write_file_atomically() names what it has not finished.
bool is_half_written(const fs::path& path) {
  constexpr std::string_view random = ".XXXXXX";
  return path.extension().native().size() == random.size() && path.stem().extension() == extension;
}

void remove_half_written(const fs::path& folder) {
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (!is_half_written(entry->path())) continue;
    std::error_code gone;
    if (entry->last_write_time(gone) < long_ago && !gone) fs::remove(entry->path(), gone);
  }
}

struct CachedFile {
  fs::file_time_type used;
  fs::path path;
  std::int64_t bytes = 0;
};

std::vector<CachedFile> files_of(const fs::path& folder) {
  std::vector<CachedFile> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry->path().extension() != extension) continue;
    std::error_code gone;  // Another process may prune at the same time.
    const auto bytes = static_cast<std::int64_t>(entry->file_size(gone));
    const fs::file_time_type used = entry->last_write_time(gone);
    if (!gone) files.push_back({used, entry->path(), bytes});
  }
  std::sort(files.begin(), files.end(),
            [](const CachedFile& a, const CachedFile& b) { return a.used < b.used; });
  return files;
}

}  // namespace

Digest PlanKey::digest() const {
  Hasher hasher("plan key/1");
  hasher.add(version).add(graph.digest).add(bindings.size());
  for (const auto& [symbol, value] : bindings) hasher.add(symbol).add(value);
  hasher.add(machine.digest).add(environment.digest).add(program).add(kernels);
  hasher.add(options).add(generation);
  return hasher.finish();
}

Digest digest_of(std::span<const Kernel> kernels) {
  std::vector<KernelId> ids;
  for (const Kernel& kernel : kernels) ids.push_back(kernel.info.id());
  std::sort(ids.begin(), ids.end());
  Hasher hasher("kernels/1");
  hasher.add(ids.size());
  for (const KernelId& id : ids) hasher.add(id.digest);
  return hasher.finish();
}

void write_plan_file(const fs::path& path, std::string_view text) {
  write_file_atomically(
      path, fmt::format("{}{}\n{}\n{}", magic, version, checksum(text).to_string(), text));
}

std::string read_plan_file(const fs::path& path) {
  const std::string file = read_text_file(path);
  std::string_view rest = file;
  std::string_view first = take_line(rest);
  if (!first.starts_with(magic)) {
    throw invalid("no plan of Paceline, name a file that it wrote: {}", path.string());
  }
  first.remove_prefix(magic.size());
  if (first != version) {
    throw unsupported("a plan of version {}, and this program reads {}; let it search anew: {}",
                      first.substr(0, 16), version, path.string());
  }
  const std::optional<Digest> expected = Digest::parse(take_line(rest));
  if (!expected || *expected != checksum(rest)) {
    throw invalid("a damaged plan, its checksum does not fit; remove it: {}", path.string());
  }
  return std::string(rest);
}

fs::path PlanCache::path_of(const PlanKey& key) const {
  return folder_ / (key.digest().to_string() + extension);
}

std::optional<std::string> PlanCache::find(const PlanKey& key) const {
  const fs::path path = path_of(key);
  std::error_code failed;
  if (!fs::exists(path, failed)) return std::nullopt;
  try {
    std::string text = read_plan_file(path);
    fs::last_write_time(path, fs::file_time_type::clock::now(), failed);
    return text;
  } catch (const Error& error) {
    log::warning("plan-cache-ignored", {{"path", path.string()}, {"reason", error.what()}});
    return std::nullopt;
  }
}

void PlanCache::put(const PlanKey& key, std::string_view text) const {
  const fs::path path = path_of(key);
  try {
    std::error_code failed;
    fs::create_directories(folder_, failed);
    write_plan_file(path, text);
    prune(path);
  } catch (const Error& error) {
    log::warning("plan-cache-not-written", {{"path", path.string()}, {"reason", error.what()}});
  }
}

void PlanCache::prune(const fs::path& newest) const {
  remove_half_written(folder_);
  const std::vector<CachedFile> files = files_of(folder_);
  std::int64_t bytes = 0;
  for (const CachedFile& file : files) bytes += file.bytes;
  for (const CachedFile& file : files) {
    if (bytes <= bytes_max_) return;
    if (file.path == newest) continue;
    std::error_code gone;
    fs::remove(file.path, gone);
    bytes -= file.bytes;
  }
}

}  // namespace paceline
