#include "scheduler/search/splitter.h"

#include <algorithm>

namespace paceline::search {
namespace {

void sort_unique(std::vector<std::int32_t>& items) {
  std::sort(items.begin(), items.end());
  items.erase(std::unique(items.begin(), items.end()), items.end());
}

}  // namespace

Splitter::Splitter(const Problem& problem)
    : must_(problem),
      mark_(problem.classes.size(), Mark::unseen),
      leader_(problem.classes.size()),
      part_(problem.classes.size(), -1) {
  for (const auto& options : problem.classes) {
    begin_.push_back(children_.size());
    std::vector<std::int32_t> all;
    for (const Option& option : options) {
      all.insert(all.end(), option.children.begin(), option.children.end());
    }
    sort_unique(all);
    children_.insert(children_.end(), all.begin(), all.end());
  }
  begin_.push_back(children_.size());
}

std::vector<Part> Splitter::split(std::span<const std::int32_t> needed,
                                  std::span<const std::int32_t> settled) {
  reach(needed, settled);
  promote(needed);
  unite();
  std::vector<Part> parts = collect();
  clear(settled);
  return parts;
}

void Splitter::reach(std::span<const std::int32_t> needed, std::span<const std::int32_t> settled) {
  reached_.clear();
  for (const std::int32_t at : settled) mark_[at] = Mark::settled;
  for (const std::int32_t at : needed) {
    mark_[at] = Mark::needed;
    reached_.push_back(at);
  }
  for (std::size_t i = 0; i < reached_.size(); ++i) {
    for (const std::int32_t child : children(reached_[i])) {
      if (mark_[child] != Mark::unseen) continue;
      mark_[child] = Mark::possible;
      reached_.push_back(child);
    }
  }
  visits_ += static_cast<std::int64_t>(reached_.size());
}

// What a needed class must have, and is undecided, is needed.
void Splitter::promote(std::span<const std::int32_t> needed) {
  const auto must = must_.of(needed);
  for (const std::int32_t at : reached_) {
    leader_[at] = at;
    if (has(must, at)) mark_[at] = Mark::needed;
  }
}

// Who reads a class that may or may not come shares its fate; a needed one comes anyway.
void Splitter::unite() {
  for (const std::int32_t at : reached_) {
    std::int32_t own = leader(at);
    for (const std::int32_t child : children(at)) {
      if (mark_[child] != Mark::possible) continue;
      const std::int32_t other = leader(child);
      leader_[std::max(own, other)] = std::min(own, other);
      own = std::min(own, other);
    }
  }
  for (const std::int32_t at : reached_) leader_[at] = leader(at);
}

std::int32_t Splitter::leader(std::int32_t at) {
  while (leader_[at] != at) {
    leader_[at] = leader_[leader_[at]];
    at = leader_[at];
  }
  return at;
}

std::vector<Part> Splitter::collect() {
  std::vector<Part> parts;
  for (const std::int32_t at : reached_) {
    const std::int32_t first = leader_[at];
    if (part_[first] < 0) {
      part_[first] = static_cast<std::int32_t>(parts.size());
      parts.emplace_back();
    }
    Part& part = parts[part_[first]];
    ++part.size;
    if (mark_[at] == Mark::needed) part.needed.push_back(at);
    for (const std::int32_t child : children(at)) {
      const bool is_elsewhere = mark_[child] == Mark::settled ||
                                (mark_[child] == Mark::needed && leader_[child] != first);
      if (is_elsewhere) part.settled.push_back(child);
    }
  }
  for (Part& part : parts) {
    std::sort(part.needed.begin(), part.needed.end());
    sort_unique(part.settled);
  }
  return parts;
}

void Splitter::clear(std::span<const std::int32_t> settled) {
  for (const std::int32_t at : reached_) {
    mark_[at] = Mark::unseen;
    part_[at] = -1;
  }
  for (const std::int32_t at : settled) mark_[at] = Mark::unseen;
}

}  // namespace paceline::search
