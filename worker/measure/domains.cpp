#include "worker/measure/domains.h"

#include <algorithm>
#include <optional>
#include <set>

namespace paceline {
namespace {

bool is_index(const Domain& domain) {
  return domain.kind == Domain::Kind::index || domain.kind == Domain::Kind::distinct_index;
}

// An operand beyond the sample's last is like the last: ops of any arity repeat it.
const Sample::Operand& operand_of(const Sample& sample, std::size_t i) {
  return sample.inputs[std::min(i, sample.inputs.size() - 1)];
}

int likeness(const Op& op, const Sample& sample, const Workload& workload) {
  if (sample.inputs.empty()) return 0;
  int points = sample.inputs.size() == workload.inputs.size() ? 8 : 0;
  if (sample.attributes.complete(op.name, op.attributes) == workload.attributes) points += 4;
  for (std::size_t i = 0; i < workload.inputs.size(); ++i) {
    const Dtype wanted = workload.inputs[i].dtype;
    const Dtype given = operand_of(sample, i).dtype;
    if (given == wanted) points += 2;
    if (is_float(given) != is_float(wanted)) points -= 16;
  }
  return points;
}

std::vector<const Sample*> likest_samples(const Op& op, const Workload& workload) {
  std::vector<const Sample*> likest;
  int most = 1;
  for (const Sample& sample : op.samples) {
    const int points = likeness(op, sample, workload);
    if (points > most) likest.clear();
    most = std::max(most, points);
    if (points == most) likest.push_back(&sample);
  }
  return likest;
}

// An axis of an operand, counted from the front (0, 1, ...) or from the back (-1, -2, ...).
using Axis = std::pair<std::size_t, int>;

std::optional<std::int64_t> extent_at(const Extents& extents, int axis) {
  const int rank = static_cast<int>(extents.size());
  const int at = axis < 0 ? axis + rank : axis;
  if (at < 0 || at >= rank) return std::nullopt;
  return extents[at];
}

std::set<Axis> axes_that_bound(const Sample& sample, std::size_t index_operand) {
  std::set<Axis> axes;
  const auto bound = static_cast<std::int64_t>(operand_of(sample, index_operand).domain.high);
  for (std::size_t i = 0; i < sample.inputs.size(); ++i) {
    const Extents& extents = sample.inputs[i].extents;
    const int rank = static_cast<int>(extents.size());
    if (i == index_operand) continue;
    for (int axis = -rank; axis < rank; ++axis) {
      if (extent_at(extents, axis) == bound) axes.insert({i, axis});
    }
  }
  return axes;
}

// The smallest of the extents that could be the bound: in range whichever of them it is.
std::optional<std::int64_t> bound_of(const std::vector<const Sample*>& samples,
                                     const Workload& workload, std::size_t index_operand) {
  std::optional<std::set<Axis>> common;
  for (const Sample* sample : samples) {
    const std::set<Axis> axes = axes_that_bound(*sample, index_operand);
    if (!common) common = axes;
    std::erase_if(*common, [&](const Axis& axis) { return !axes.contains(axis); });
  }
  std::optional<std::int64_t> bound;
  for (const auto& [operand, axis] : common.value_or(std::set<Axis>{})) {
    const auto extent = extent_at(workload.inputs[operand].extents, axis);
    if (extent) bound = std::min(bound.value_or(*extent), *extent);
  }
  return bound;
}

}  // namespace

std::vector<Sample::Operand> operands_with_domains(const Op& op, const Workload& workload) {
  const std::vector<const Sample*> samples = likest_samples(op, workload);
  std::vector<Sample::Operand> operands;
  for (std::size_t i = 0; i < workload.inputs.size(); ++i) {
    const OperandType& type = workload.inputs[i];
    Sample::Operand operand{type.dtype, type.extents};
    if (!samples.empty()) operand.domain = operand_of(*samples.front(), i).domain;
    if (is_index(operand.domain)) {
      if (const auto bound = bound_of(samples, workload, i)) {
        operand.domain.high = static_cast<double>(*bound);
      }
    }
    operands.push_back(std::move(operand));
  }
  return operands;
}

}  // namespace paceline
