#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace paceline {

// A read-only memory map of a whole file. Pages come in when touched and can be dropped by the
// system, so mapping a model costs no memory. Immutable; any thread.
class MappedFile {
 public:
  // Throws `invalid` when there is no such file or it cannot be read, naming the path and cause.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  MappedFile(std::filesystem::path path, std::span<const std::byte> bytes)
      : path_(std::move(path)), bytes_(bytes) {}

  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

std::string read_text_file(const std::filesystem::path& path);  // Throws `invalid`.

// Writes to a temporary file beside it and renames: readers see the old or the new, never half.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// $XDG_DATA_HOME/paceline, else ~/.local/share/paceline. Not created.
std::filesystem::path user_data_folder();

}  // namespace paceline
