#include "worker/execute/weight_files.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <string>

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

// nullopt when the path no longer leads to what is mapped.
std::optional<Digest> file_of(const Line& line) {
  struct stat status {};
  if (::stat(line.path.c_str(), &status) != 0) return std::nullopt;
  if (static_cast<std::uint64_t>(status.st_ino) != line.inode) return std::nullopt;
  if (major(status.st_dev) != line.major || minor(status.st_dev) != line.minor) return std::nullopt;
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
    const std::optional<Digest> file = file_of(*line);
    if (!file) continue;
    mappings_.push_back({line->start, line->end, *file, static_cast<std::int64_t>(line->offset)});
  }
}

std::optional<Digest> WeightFiles::identity(std::span<const std::byte> bytes) const {
  const auto start = reinterpret_cast<std::uintptr_t>(bytes.data());
  const auto found = std::ranges::find_if(mappings_, [&](const Mapping& mapping) {
    return mapping.start <= start && start + bytes.size() <= mapping.end;
  });
  if (found == mappings_.end()) return std::nullopt;
  return Hasher("mapped weight/1")
      .add(found->file)
      .add(found->offset + static_cast<std::int64_t>(start - found->start))
      .add(bytes.size())
      .finish();
}

}  // namespace paceline
