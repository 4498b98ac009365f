#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/search/must.h"
#include "scheduler/search/problem.h"

namespace paceline::search {

// A subproblem that shares no undecided class with any other.
struct Part {
  std::vector<std::int32_t> needed;   // Undecided classes that every completion has; ascending.
  std::vector<std::int32_t> settled;  // Read below, and taken care of elsewhere; ascending.
  std::int32_t size = 0;              // Its undecided classes, needed or not.
};

// Cuts what is left of a path into independent parts.
class Splitter {
 public:
  explicit Splitter(const Problem& problem);

  // The parts of "decide `needed` and what follows, where `settled` are taken care of". Equal
  // remainders give equal parts. Requires: the two are disjoint.
  std::vector<Part> split(std::span<const std::int32_t> needed,
                          std::span<const std::int32_t> settled);

  std::int64_t visits() const { return visits_; }  // Classes looked at so far.

 private:
  enum class Mark : std::uint8_t { unseen, settled, needed, possible };

  std::span<const std::int32_t> children(std::int32_t at) const {
    return std::span(children_).subspan(begin_[at], begin_[at + 1] - begin_[at]);
  }
  void reach(std::span<const std::int32_t> needed, std::span<const std::int32_t> settled);
  void promote(std::span<const std::int32_t> needed);
  void unite();
  std::int32_t leader(std::int32_t at);
  std::vector<Part> collect();
  void clear(std::span<const std::int32_t> settled);

  Must must_;
  std::vector<std::int32_t> children_;  // Of all options together, by class from begin_ on.
  std::vector<std::size_t> begin_;
  std::vector<Mark> mark_;
  std::vector<std::int32_t> leader_;
  std::vector<std::int32_t> part_;     // By leader.
  std::vector<std::int32_t> reached_;  // Undecided classes, in the order of discovery.
  std::int64_t visits_ = 0;
};

}  // namespace paceline::search
