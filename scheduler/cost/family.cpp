#include "scheduler/cost/family.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace paceline {
namespace {

std::vector<std::int64_t> extents_of(const Workload& workload) {
  std::vector<std::int64_t> extents;
  for (const auto* operands : {&workload.inputs, &workload.outputs}) {
    for (const OperandType& operand : *operands) {
      extents.insert(extents.end(), operand.extents.begin(), operand.extents.end());
    }
  }
  return extents;
}

// Elements of the widest vector; the step counts as much as a factor of 1.35, so that it is no
// reason to be nobody's neighbour.
constexpr std::int64_t vector_elements = 16;
constexpr double remainder_step = 0.3;

std::string text_of(const Attribute& attribute) {
  if (const auto* real = std::get_if<double>(&attribute)) return *real == 0 ? "0" : "real";
  return to_string(attribute);
}

}  // namespace

std::optional<std::string> family_of(const Workload& workload) {
  std::string family = workload.op;
  const auto out = std::back_inserter(family);
  for (const auto& [name, value] : workload.attributes) {
    fmt::format_to(out, " {}={}", name, text_of(value));
  }
  for (const auto* operands : {&workload.inputs, &workload.outputs}) {
    family += " |";
    for (const OperandType& operand : *operands) {
      if (!operand.strides.empty()) return std::nullopt;
      fmt::format_to(out, " {}{}{}", to_string(operand.dtype), operand.extents.size(),
                     operand.packing);
    }
  }
  return family;
}

Axes::Axes(std::span<const Workload* const> members) {
  std::vector<std::vector<std::int64_t>> rows;
  for (const Workload* member : members) rows.push_back(extents_of(*member));
  const auto are_equal = [&](std::size_t a, std::size_t b) {
    return std::ranges::all_of(rows, [&](const auto& row) { return row[a] == row[b]; });
  };
  for (std::size_t i = 0; i < rows.front().size(); ++i) {
    Extent extent;
    const std::int64_t first = rows.front()[i];
    if (std::ranges::all_of(rows, [&](const auto& row) { return row[i] == first; })) {
      extent.shared = first;
    } else {
      for (std::size_t j = 0; j < i && extent.like < 0; ++j) {
        if (are_equal(i, j)) extent.like = static_cast<int>(j);
      }
    }
    extents_.push_back(extent);
  }
}

std::optional<std::vector<double>> Axes::place_of(const Workload& workload) const {
  const std::vector<std::int64_t> extents = extents_of(workload);
  std::vector<double> place;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    const auto [shared, like] = extents_[i];
    if (extents[i] <= 0 || (shared >= 0 && extents[i] != shared)) return std::nullopt;
    if (like >= 0 && extents[i] != extents[like]) return std::nullopt;
    if (shared >= 0 || like >= 0) continue;
    place.push_back(std::log(static_cast<double>(extents[i])));
    place.push_back(extents[i] % vector_elements == 0 ? 0 : remainder_step);
  }
  return place;
}

}  // namespace paceline
