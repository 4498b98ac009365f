#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/graph/workload.h"

namespace paceline {

// What workloads must share before one says anything of another: op, attributes, and the dtypes,
// ranks and packings of dense operands. Of real attributes (a scale, an epsilon) only whether they
// are zero, since other values change results and not times. nullopt for strided operands.
std::optional<std::string> family_of(const Workload& workload);

// Where the workloads of a family lie: for each extent that tells its members apart, once however
// many operands have it (M, N and K of a matmul), its log and whether it is a whole number of
// vectors, which makes a step in many kernels' times.
class Axes {
 public:
  // Requires: of one family, at least one.
  explicit Axes(std::span<const Workload* const> members);

  // nullopt for a workload that differs in what the members share: an extent that all of them have,
  // two that are equal in each; and for empty operands.
  std::optional<std::vector<double>> place_of(const Workload& workload) const;

 private:
  struct Extent {
    std::int64_t shared = -1;  // The value that all members have; -1: it differs.
    int like = -1;             // The earlier extent that it always equals; -1: none.
  };
  std::vector<Extent> extents_;  // Of all operands, inputs first.
};

}  // namespace paceline
