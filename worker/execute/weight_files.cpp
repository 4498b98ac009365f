#include "worker/execute/weight_files.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

#include "common/base/log.h"

namespace paceline {

namespace {

struct Line {
  std::uintptr_t start = 0, end = 0;
  std::uint64_t offset = 0, inode = 0;
  unsigned major = 0, minor = 0;
  std::string path;
};

std::optional<Line> parse(const std::string& text) {
  Line line;
  char access[5] = {};
  int path = 0;
  const int read = std::sscanf(
      text.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %" SCNu64 " %n", &line.start,
      &line.end, access, &line.offset, &line.major, &line.minor, &line.inode, &path);
  if (read != 7 || access[0] != 'r' || access[1] != '-' || line.inode == 0) return std::nullopt;
  line.path = text.substr(std::min<std::size_t>(path, text.size()));
  return line;
}

// Once in a process: every session would say the same.
void warn_of_device(const std::string& path) {
  static std::atomic_flag was_said;
  if (was_said.test_and_set()) return;
  log::warning("weight-file-unnamed",
               {{"path", path},
                {"reason",
                 "its file system names another device than the mapping does (btrfs and "
                 "overlayfs do): what is packed of large weights is not kept"}});
}

// nullopt when the path no longer leads to what is mapped.
std::optional<struct stat> status_of(const Line& line) {
  struct stat status {};
  if (::stat(line.path.c_str(), &status) != 0) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_ino) != line.inode) return std::nullopt;
  return status;
}

bool is_one_device(const Line& line, const struct stat& status) {
  return major(status.st_dev) == line.major && minor(status.st_dev) == line.minor;
}

Digest digest_of(const Line& line, const struct stat& status) {
  return Hasher("weight file/2")
      .add(line.path)
      .add(static_cast<std::int64_t>(line.inode))
      .add(static_cast<std::int64_t>(status.st_size))
      .add(static_cast<std::int64_t>(status.st_mtim.tv_sec))
      .add(static_cast<std::int64_t>(status.st_mtim.tv_nsec))
      .add(static_cast<std::int64_t>(status.st_ctim.tv_sec))  // Which no copy carries over.
      .add(static_cast<std::int64_t>(status.st_ctim.tv_nsec))
      .finish();
}

}  // namespace

WeightFiles::WeightFiles() {
  std::ifstream maps("/proc/self/maps");
  std::string text;
  while (std::getline(maps, text)) {
    const std::optional<Line> line = parse(text);
    if (!line) continue;
    // Advice may have parted a mapping.
    const bool continues =
        !mappings_.empty() && mappings_.back().end == line->start &&
        mappings_.back().inode == line->inode && mappings_.back().path == line->path &&
        mappings_.back().offset_of(line->start) == static_cast<std::int64_t>(line->offset);
    if (continues) {
      mappings_.back().end = line->end;
      continue;
    }
    const std::optional<struct stat> status = status_of(*line);
    if (!status) continue;
    Mapping& mapping = mappings_.emplace_back();
    mapping.start = line->start;
    mapping.end = line->end;
    mapping.path = line->path;
    mapping.inode = line->inode;
    mapping.offset = static_cast<std::int64_t>(line->offset);
    if (is_one_device(*line, *status)) mapping.file = digest_of(*line, *status);
  }
}

std::optional<Digest> WeightFiles::identity(std::span<const std::byte> bytes) const {
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  const auto found = std::ranges::find_if(mappings_, [&](const Mapping& mapping) {
    return mapping.start <= start && start + bytes.size() <= mapping.end;
  });
  if (found == mappings_.end()) return std::nullopt;
  if (!found->file) {
    warn_of_device(found->path);
    return std::nullopt;
  }
  return Hasher("mapped weight/1")
      .add(*found->file)
      .add(found->offset_of(start))
      .add(bytes.size())
      .finish();
}

}  // namespace paceline
