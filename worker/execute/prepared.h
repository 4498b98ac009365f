#pragma once

#include <map>
#include <memory>

#include "common/base/digest.h"
#include "worker/execute/memory.h"

namespace paceline {

// What prologues computed and sessions still hold, by what it is computed from. Sessions over one
// model's weights may share it, so that plans that prepare the same tensors hold them once. One
// thread at a time.
class PreparedTensors {
 public:
  using Bytes = std::shared_ptr<const AlignedBytes>;

  Bytes find(const Digest& what) const;  // Null when nobody holds it.
  void keep(const Digest& what, const Bytes& bytes);

 private:
  std::map<Digest, std::weak_ptr<const AlignedBytes>> all_;
};

}  // namespace paceline
