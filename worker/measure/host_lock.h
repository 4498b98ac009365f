#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/graph/device.h"

namespace paceline {

// The right to measure on a device of this host, held by at most one process: an flock on a file
// that stays. Released by the destructor, and by the system when the process dies.
class HostLock {
 public:
  // Waits for it. `folder` empty: /run/lock, or /tmp where that is missing or not ours to write.
  // Throws `unavailable` when the file cannot be made, naming it.
  HostLock(std::string_view device, const std::filesystem::path& folder);
  ~HostLock();
  HostLock(const HostLock&) = delete;
  HostLock& operator=(const HostLock&) = delete;

 private:
  int file_ = -1;
};

// What a device's lock is called: "cpu", or a GPU by its bus id, since processes may number GPUs
// differently (CUDA_VISIBLE_DEVICES). Throws `unsupported` for one that is not here.
std::string lock_name(const Device& device);

}  // namespace paceline
