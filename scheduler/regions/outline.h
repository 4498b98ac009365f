#pragma once

#include <vector>

#include "scheduler/regions/flow.h"
#include "scheduler/regions/regions.h"
#include "scheduler/regions/stream.h"

namespace paceline::regions {

// A region with the digest of its free-standing graph, which need not be built to compare.
struct Outline {
  Region region;
  Digest digest;
};

// Numbers what each group of nodes reads and gives, in an order that depends on its structure only.
class Outliner {
 public:
  Outliner(const Flow& flow, const std::vector<bool>& is_copied,
           std::int64_t constant_elements_max);

  std::vector<Outline> outline(const std::vector<Atom>& groups);
  Graph build(const Region& region) const;  // The free-standing graph.

 private:
  class Walk;
  struct Update {
    std::int32_t output = 0;
    std::int32_t state = -1;
  };

  bool is_small_constant(std::int32_t node) const;
  void find_outputs(const std::vector<Atom>& groups);

  const Flow& flow_;
  const std::vector<bool>& is_copied_;
  std::int64_t constant_elements_max_;
  std::vector<Digest> digests_;               // What each op node and small constant is by itself.
  std::vector<std::vector<Update>> updates_;  // By node.
  std::vector<std::int32_t> home_;            // Group by node.
  std::vector<std::vector<bool>> is_read_outside_;  // By node and output.
};

}  // namespace paceline::regions
