#include "worker/execute/prepared.h"

namespace paceline {

PreparedTensors::Bytes PreparedTensors::find(const Digest& what) const {
  const auto found = all_.find(what);
  return found == all_.end() ? nullptr : found->second.lock();
}

void PreparedTensors::keep(const Digest& what, const Bytes& bytes) { all_[what] = bytes; }

}  // namespace paceline
