#include "worker/execute/prepared.h"

#include <utility>

namespace paceline {

PreparedTensors::Bytes PreparedTensors::find(const Digest& what) const {
  const auto found = all_.find(what);
  return found == all_.end() ? nullptr : found->second.lock();
}

void PreparedTensors::keep(const Digest& what, const Bytes& bytes) { all_[what] = bytes; }

void PreparedTensors::hold(std::span<const Digest> all) {
  std::vector<Bytes> held;
  for (const Digest& what : all) {
    if (Bytes bytes = find(what)) held.push_back(std::move(bytes));
  }
  held_ = std::move(held);
}

}  // namespace paceline
