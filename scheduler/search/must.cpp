#include "scheduler/search/must.h"

#include <algorithm>

namespace paceline::search {
namespace {

constexpr std::size_t classes_max = 20'000;  // 50 MB of bits.

}  // namespace

Must::Must(const Problem& problem) {
  const std::size_t count = problem.classes.size();
  if (count > classes_max) return;
  words_ = (count + 63) / 64;
  bits_.assign(words_ * count, 0);
  joined_.assign(words_, 0);
  for (std::size_t c = count; c-- > 0;) {
    std::uint64_t* own = &bits_[c * words_];
    bool is_first = true;
    for (const Option& option : problem.classes[c]) {
      const auto joined = of(option.children);
      for (std::size_t w = 0; w < words_; ++w) own[w] = is_first ? joined[w] : own[w] & joined[w];
      is_first = false;
    }
    own[c / 64] |= std::uint64_t{1} << (c % 64);
  }
}

std::span<const std::uint64_t> Must::of(std::span<const std::int32_t> classes) {
  std::fill(joined_.begin(), joined_.end(), 0);
  if (words_ == 0) return {};
  for (const std::int32_t c : classes) {
    const std::uint64_t* set = &bits_[static_cast<std::size_t>(c) * words_];
    for (std::size_t w = 0; w < words_; ++w) joined_[w] |= set[w];
  }
  return joined_;
}

std::vector<bool> Must::always(const Problem& problem) {
  std::vector<bool> result(problem.classes.size());
  for (const std::int32_t root : problem.roots) result[root] = true;
  const auto set = of(problem.roots);
  for (std::size_t c = 0; c < result.size(); ++c) {
    if (has(set, static_cast<std::int32_t>(c))) result[c] = true;
  }
  return result;
}

}  // namespace paceline::search
