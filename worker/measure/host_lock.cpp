#include "worker/measure/host_lock.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/base/error.h"
#include "worker/probe/gpus.h"

namespace paceline {
namespace {

std::filesystem::path default_folder() {
  return ::access("/run/lock", W_OK | X_OK) == 0 ? "/run/lock" : "/tmp";
}

// Opened for writing only by whoever makes it: flock needs no right to write, and a sticky folder
// keeps others' files from being opened with O_CREAT (fs.protected_regular).
int open_lock_file(const std::filesystem::path& path) {
  const int made = ::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (made >= 0 || errno != EEXIST) return made;
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
}

}  // namespace

HostLock::HostLock(std::string_view device, const std::filesystem::path& folder) {
  const std::filesystem::path path = (folder.empty() ? default_folder() : folder) /
                                     fmt::format("paceline-measure-{}.lock", device);
  file_ = open_lock_file(path);
  if (file_ < 0) {
    throw unavailable("cannot open the host's lock: {}: {}", path.string(), std::strerror(errno));
  }
  while (::flock(file_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int cause = errno;
    ::close(file_);
    throw unavailable("cannot take the host's lock: {}: {}", path.string(), std::strerror(cause));
  }
}

HostLock::~HostLock() { ::close(file_); }

std::string lock_name(const Device& device) {
  if (device.kind == DeviceKind::cpu) return "cpu";
  return "cuda-" + gpu_bus_id(device.index);
}

}  // namespace paceline
