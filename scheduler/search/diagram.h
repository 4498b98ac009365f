#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "common/base/random.h"
#include "scheduler/search/space.h"

namespace paceline::search {

// What a search may spend. There is no clock here: `stop` is asked now and then and may have one.
struct Limits {
  std::int64_t states_max = 100'000;     // Subproblems of a diagram: its memory.
  std::int64_t visits_max = 10'000'000;  // Classes looked at while splitting them: its time.
  std::function<bool()> stop;            // True ends the search with what it has.
};

// Throws `invalid` for limits that allow nothing.
void validate(const Limits& limits);

struct Count {
  double log10 = 0;
  std::optional<std::uint64_t> exact;  // Absent from 2^64 on.
  bool is_lower_bound = false;         // The diagram holds a part of the paths.

  friend bool operator==(const Count&, const Count&) = default;
};

struct DiagramNodes;  // The nodes: scheduler/search/nodes.h.

// All paths of an acyclic space in shared form: a decision diagram with products.
//
// A state is a subproblem: classes that are needed and undecided, and those below them that are
// taken care of elsewhere. Classes that every completion needs are added at once, which cuts the
// state into independent parts that multiply; equal parts are one node. After Bergman, Cire, van
// Hoeve and Hooker, "Decision Diagrams for Optimization", 2016, and, for the products, Darwiche,
// "Decomposable Negation Normal Form", 2001.
//
// When the diagram outgrows the limits it is restricted: alternatives go by their reduced cost
// against a lower bound (scheduler/search/bound.h), so that it still holds every path up to a known
// cost, `complete_to_s`.
//
// Immutable and cheap to copy; any thread may read it.
class Diagram {
 public:
  // Throws `invalid` for a space that is malformed, has a cycle, or has no path at all.
  static Diagram build(const Space& space, const Limits& limits = {});

  Count count() const;
  Solution best() const;
  // Each path of the diagram with equal probability, up to rounding.
  Solution sample(Random& random) const;

  bool is_exact() const;         // Every path is in it.
  double complete_to_s() const;  // Every path that costs at most this is in it; infinity if exact.
  std::int64_t states() const;
  const DiagramNodes& nodes() const { return *nodes_; }

 private:
  explicit Diagram(std::shared_ptr<const DiagramNodes> nodes) : nodes_(std::move(nodes)) {}

  std::shared_ptr<const DiagramNodes> nodes_;
};

}  // namespace paceline::search
