#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

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
  // Holds of these what somebody holds, in place of what the last call named: it stays while its
  // session goes and the next one comes.
  void hold(std::span<const Digest> all);

 private:
  std::map<Digest, std::weak_ptr<const AlignedBytes>> all_;
  std::vector<Bytes> held_;
};

// Where the buffers that runs read came from.
struct PreparedAccount {
  struct Part {
    int buffers = 0;
    std::int64_t bytes = 0;

    void add(std::int64_t more) {
      ++buffers;
      bytes += more;
    }
  };
  Part shared;    // Another session held them.
  Part cached;    // An earlier program computed them.
  Part computed;  // By this prologue.
};

}  // namespace paceline
