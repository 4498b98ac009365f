#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/search/problem.h"

namespace paceline::search {

// Which classes every path that needs a class needs too, as one bit set a class.
class Must {
 public:
  explicit Must(const Problem& problem);

  // What any of `classes` must have; valid until the next call. Empty when sets are not kept.
  std::span<const std::uint64_t> of(std::span<const std::int32_t> classes);

  // By class: whether every path of the problem needs it.
  std::vector<bool> always(const Problem& problem);

 private:
  std::size_t words_ = 0;  // 0: too many classes for quadratic sets; nothing is known to be a must.
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint64_t> joined_;
};

inline bool has(std::span<const std::uint64_t> set, std::int32_t index) {
  return !set.empty() && (set[static_cast<std::size_t>(index) / 64] >> (index % 64) & 1) != 0;
}

}  // namespace paceline::search
