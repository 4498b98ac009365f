#include "scheduler/regions/copies.h"

#include <algorithm>
#include <limits>
#include <set>

namespace paceline::regions {

namespace {

using Cone = std::vector<std::int32_t>;

// nullopt above `count_max` nodes.
std::optional<Cone> cone_of(const Flow& flow, std::int32_t node, std::size_t count_max) {
  Cone cone = {node};
  std::set<std::int32_t> known = {node};
  for (std::size_t i = 0; i < cone.size(); ++i) {
    for (const std::int32_t input : flow.inputs[cone[i]]) {
      if (known.insert(input).second) cone.push_back(input);
    }
    if (cone.size() > count_max) return std::nullopt;
  }
  return cone;
}

bool is_repeatable(const Flow& flow, std::int32_t node) {
  const OpFacts& facts = flow.op(node).facts;
  return facts.deterministic && !facts.collective;
}

bool holds_bool(const Flow& flow, std::int32_t node) {
  const std::vector<TensorType>& types = flow.graph->node(node).outputs;
  return std::any_of(types.begin(), types.end(),
                     [](const TensorType& type) { return type.dtype == Dtype::boolean; });
}

// A composite takes a table as an operand; among atomic ops it is part of what rules recognise.
bool has_atomic_reader(const Flow& flow, std::int32_t node) {
  const std::vector<std::int32_t>& readers = flow.readers[node];
  return std::any_of(readers.begin(), readers.end(), [&](std::int32_t reader) {
    const Op& op = flow.op(reader);
    return !op.is_composite() && op.view == nullptr;
  });
}

bool any(const Flow& flow, const Cone& cone, bool (*is)(const Flow&, std::int32_t)) {
  return std::any_of(cone.begin(), cone.end(), [&](std::int32_t node) { return is(flow, node); });
}

}  // namespace

std::optional<Cone> copied_cone(const Flow& flow, std::int32_t node, int copied_max) {
  if (flow.is_static[node]) {
    return cone_of(flow, node, std::numeric_limits<std::size_t>::max());
  }
  std::optional<Cone> cone = cone_of(flow, node, static_cast<std::size_t>(copied_max));
  if (!cone) return std::nullopt;
  const auto is_costly = [](const Flow& all, std::int32_t part) {
    return all.is_heavy[part] || !is_repeatable(all, part);
  };
  if (any(flow, *cone, is_costly)) return std::nullopt;
  const bool says_much = any(flow, *cone, holds_bool) || has_atomic_reader(flow, node);
  return says_much ? std::move(cone) : std::nullopt;
}

}  // namespace paceline::regions
