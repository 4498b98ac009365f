#include "scheduler/regions/narrow.h"

#include <algorithm>
#include <map>

namespace paceline::regions {

namespace {

constexpr std::int32_t width_max = 8;

// How many nodes of the atom up to each of its places are read behind it.
std::vector<std::int32_t> widths_of(const Flow& flow, const Atom& atom) {
  std::map<std::int32_t, std::size_t> place;
  for (std::size_t i = 0; i < atom.size(); ++i) place[atom[i]] = i;
  std::vector<std::int32_t> change(atom.size() + 1);
  for (std::size_t i = 0; i < atom.size(); ++i) {
    std::size_t last = i;
    for (const std::int32_t reader : flow.readers[atom[i]]) {
      const auto it = place.find(reader);
      if (it != place.end()) last = std::max(last, it->second);
    }
    ++change[i];
    --change[last];
  }
  for (std::size_t i = 1; i < atom.size(); ++i) change[i] += change[i - 1];
  change.pop_back();
  return change;
}

std::vector<Atom> cut_behind(const Atom& atom, const std::vector<bool>& is_cut) {
  std::vector<Atom> pieces(1);
  for (std::size_t i = 0; i < atom.size(); ++i) {
    pieces.back().push_back(atom[i]);
    if (is_cut[i] && i + 1 < atom.size()) pieces.emplace_back();
  }
  return pieces;
}

// Behind the last narrowest place of each stretch of `nodes_max` nodes, but not in its first half.
std::vector<bool> forced_cuts(const std::vector<std::int32_t>& widths, std::size_t nodes_max) {
  std::vector<bool> is_cut(widths.size());
  std::size_t start = 0;
  while (widths.size() - start > nodes_max) {
    std::size_t best = start + nodes_max - 1;
    for (std::size_t i = best; i > start + nodes_max / 2; --i) {
      if (widths[i - 1] < widths[best]) best = i - 1;
    }
    is_cut[best] = true;
    start = best + 1;
  }
  return is_cut;
}

}  // namespace

std::vector<Atom> cut_narrow(const Flow& flow, Atom atom, int nodes_max) {
  const auto limit = static_cast<std::size_t>(nodes_max);
  if (atom.size() <= limit) return {std::move(atom)};
  const std::vector<std::int32_t> widths = widths_of(flow, atom);
  for (std::int32_t width = 1; width <= width_max; ++width) {
    std::vector<bool> is_cut(atom.size());
    for (std::size_t i = 0; i < atom.size(); ++i) is_cut[i] = widths[i] <= width;
    std::vector<Atom> pieces = cut_behind(atom, is_cut);
    const bool is_fine = std::all_of(pieces.begin(), pieces.end(),
                                     [&](const Atom& piece) { return piece.size() <= limit; });
    if (is_fine) return pieces;
  }
  return cut_behind(atom, forced_cuts(widths, limit));
}

}  // namespace paceline::regions
