#include "common/base/file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"

namespace paceline {
namespace {

Error cannot_read(const std::filesystem::path& path, int cause) {
  return invalid("cannot read file: {}: {}", path.string(), std::strerror(cause));
}

Error cannot_write(const std::filesystem::path& path, int cause) {
  return unavailable("cannot write file: {}: {}", path.string(), std::strerror(cause));
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  int number_;
};

bool write_all(int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

std::filesystem::path home_folder() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  if (const passwd* user = ::getpwuid(::getuid())) return user->pw_dir;
  throw invalid("no home folder for user {}: set HOME", ::getuid());
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) throw cannot_read(path, errno);
  if (!S_ISREG(status.st_mode)) throw invalid("not a file: {}", path.string());
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return std::shared_ptr<const MappedFile>(new MappedFile(path, {}));
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) throw cannot_read(path, errno);
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, {static_cast<const std::byte*>(data), size}));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

std::string read_text_file(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) throw invalid("not a file: {}", path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) throw cannot_read(path, errno);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw cannot_read(path, errno);
  return text;
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::string temporary = path.string() + ".XXXXXX";
  const Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  if (file.number() < 0) throw cannot_write(path, errno);
  // mkostemp leaves the file to its owner alone; a finished file is readable like any other.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  const bool done = write_all(file.number(), bytes) && ::fchmod(file.number(), 0666 & ~mask) == 0 &&
                    ::fsync(file.number()) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (done) return;
  const int cause = errno;
  ::unlink(temporary.c_str());
  throw cannot_write(path, cause);
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

std::filesystem::path user_data_folder() {
  const char* data = std::getenv("XDG_DATA_HOME");
  const bool given = data != nullptr && *data != '\0';
  return (given ? std::filesystem::path(data) : home_folder() / ".local" / "share") / "paceline";
}

}  // namespace paceline
