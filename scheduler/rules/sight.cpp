#include "scheduler/rules/sight.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "scheduler/rules/arguments.h"

namespace paceline::rules {

namespace {

using egraph::ClassId;
using egraph::EGraph;
using egraph::NodeId;
using egraph::Operator;

// Numbers that are added to scores to hide a key.
constexpr double hiding_max = -1e4;

// A value that is a sum of positions: offset + slopes[axis] * index[axis].
struct Line {
  Dim offset;
  std::vector<std::int64_t> slopes;
};

bool is_one(const Dim& extent) { return extent == 1; }

// The axes of more than one element; a reshape that only adds or drops the others keeps them.
std::vector<std::size_t> wide_axes(const Shape& shape) {
  std::vector<std::size_t> axes;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!is_one(shape[axis])) axes.push_back(axis);
  }
  return axes;
}

bool end_in_one_matrix(const Shape& a, const Shape& b) {
  return a.size() >= 2 && b.size() >= 2 && std::equal(a.end() - 2, a.end(), b.end() - 2);
}

std::optional<Dim> larger(const std::optional<Dim>& a, const std::optional<Dim>& b, bool& fails) {
  if (!a || !b) return a ? a : b;
  if (is_known_at_least(*a, *b)) return a;
  fails = fails || !is_known_at_least(*b, *a);
  return b;
}

std::optional<Dim> smaller(const std::optional<Dim>& a, const std::optional<Dim>& b, bool& fails) {
  if (!a || !b) return a ? a : b;
  if (is_known_at_least(*a, *b)) return b;
  fails = fails || !is_known_at_least(*b, *a);
  return a;
}

std::optional<Sight> both(const std::optional<Sight>& a, const std::optional<Sight>& b) {
  if (!a || !b) return std::nullopt;
  bool fails = false;
  const Sight result{larger(a->low, b->low, fails), smaller(a->high, b->high, fails)};
  return fails ? std::nullopt : std::optional(result);
}

std::optional<Dim> plus(const std::optional<Dim>& bound, const Dim& more) {
  return bound ? std::optional(*bound + more) : std::nullopt;
}

// From the elements of a mask [.., queries, keys], which say 1 (seen), 0 (hidden) or neither.
class SightOfElements {
 public:
  SightOfElements(const std::vector<double>& elements, std::int64_t queries, std::int64_t keys)
      : elements_(elements), queries_(queries), keys_(keys) {}

  template <typename Sees>
  std::optional<Sight> read(Sees sees) {
    std::int64_t low = keys_, high = -queries_;
    for (std::size_t at = 0; at < elements_.size(); ++at) {
      const std::optional<bool> seen = sees(elements_[at]);
      if (!seen) return std::nullopt;
      if (!*seen) continue;
      low = std::min(low, distance(at));
      high = std::max(high, distance(at));
    }
    bool hides_below = false, hides_above = false;
    for (std::size_t at = 0; at < elements_.size(); ++at) {
      if (*sees(elements_[at])) continue;
      if (distance(at) >= low && distance(at) <= high) return std::nullopt;
      hides_below = hides_below || distance(at) < low;
      hides_above = hides_above || distance(at) > high;
    }
    Sight sight;
    if (hides_below) sight.low = Dim(low);
    if (hides_above) sight.high = Dim(high);
    return sight;
  }

 private:
  std::int64_t distance(std::size_t at) const {
    const auto place = static_cast<std::int64_t>(at);
    return place % keys_ - place / keys_ % queries_;
  }

  const std::vector<double>& elements_;
  std::int64_t queries_;
  std::int64_t keys_;
};

// Walks down the nodes of classes. What it has begun and not finished counts as unknown, so that
// cycles end.
class SightReader {
 public:
  explicit SightReader(const EGraph& graph) : graph_(graph) {}

  // Of a boolean, or of its contrary.
  std::optional<Sight> of_boolean(ClassId id, bool is_negated) {
    return remembered(booleans_, std::pair(graph_.find(id), is_negated),
                      [&]() -> std::optional<Sight> {
                        if (const auto splat = graph_.facts(id).splat)
                          return everything_if((*splat != 0) != is_negated);
                        for (const NodeId node : graph_.nodes_of(id)) {
                          if (auto sight = of_boolean(node, is_negated)) return sight;
                        }
                        return std::nullopt;
                      });
  }

  // Of numbers to be added.
  std::optional<Sight> of_added(ClassId id) {
    return remembered(added_, graph_.find(id), [&]() -> std::optional<Sight> {
      if (const auto splat = graph_.facts(id).splat) return everything_if(*splat == 0);
      for (const NodeId node : graph_.nodes_of(id)) {
        if (auto sight = of_added(node)) return sight;
      }
      return std::nullopt;
    });
  }

 private:
  template <typename Memory, typename Key, typename Compute>
  typename Memory::mapped_type remembered(Memory& memory, const Key& key, Compute compute) {
    const auto known = memory.find(key);
    if (known != memory.end()) return known->second;
    // Nobody writes a mask this deep; a hostile graph may, and the stack ends.
    if (depth_ >= depth_max) return {};
    memory[key];
    ++depth_;
    auto result = compute();
    --depth_;
    return memory[key] = std::move(result);
  }

  static std::optional<Sight> everything_if(bool is_seen) {
    return is_seen ? std::optional(Sight{}) : std::nullopt;
  }

  const Shape& shape(ClassId id) const { return graph_.facts(id).type.shape; }
  std::span<const ClassId> children(NodeId node) const { return graph_.node(node).children; }

  std::optional<Sight> of_boolean(NodeId node, bool is_negated) {
    const Operator& op = graph_.operator_of(node);
    const auto operands = children(node);
    if (op.kind == NodeKind::constant) {
      return of_elements(op.constant,
                         [&](double x) { return std::optional((x != 0) != is_negated); });
    }
    if (op.op == nullptr) return std::nullopt;
    if (op.is("logical_not")) return of_boolean(operands[0], !is_negated);
    // Not (a or b) is (not a) and (not b).
    if (op.is(is_negated ? "logical_or" : "logical_and")) {
      return both(of_boolean(operands[0], is_negated), of_boolean(operands[1], is_negated));
    }
    if (op.is("cast")) return of_cast(operands[0], is_negated);
    if (const auto sight = of_comparison(op, operands, is_negated)) return sight;
    return moved(op, operands, node, [&](ClassId id) { return of_boolean(id, is_negated); });
  }

  // A boolean that went through numbers.
  std::optional<Sight> of_cast(ClassId number, bool is_negated) {
    for (const NodeId node : graph_.nodes_of(number)) {
      if (!graph_.operator_of(node).is("cast")) continue;
      const ClassId from = children(node)[0];
      if (graph_.facts(from).type.dtype == Dtype::boolean) return of_boolean(from, is_negated);
    }
    return std::nullopt;
  }

  std::optional<Sight> of_added(NodeId node) {
    const Operator& op = graph_.operator_of(node);
    const auto operands = children(node);
    if (op.kind == NodeKind::constant) {
      return of_elements(op.constant, [](double x) {
        return x == 0 || x <= hiding_max ? std::optional(x == 0) : std::nullopt;
      });
    }
    if (op.op == nullptr) return std::nullopt;
    if (op.is("add")) return both(of_added(operands[0]), of_added(operands[1]));
    if (op.is("cast") && is_float(graph_.facts(operands[0]).type.dtype))
      return of_added(operands[0]);
    if (op.is("where")) return of_choice(operands);
    return moved(op, operands, node, [&](ClassId id) { return of_added(id); });
  }

  std::optional<Sight> of_choice(std::span<const ClassId> operands) {
    const auto chosen = graph_.facts(operands[1]).splat, other = graph_.facts(operands[2]).splat;
    if (!chosen || !other) return std::nullopt;
    if (*chosen == 0 && *other <= hiding_max) return of_boolean(operands[0], false);
    if (*other == 0 && *chosen <= hiding_max) return of_boolean(operands[0], true);
    return std::nullopt;
  }

  template <typename Sees>
  std::optional<Sight> of_elements(const Tensor& tensor, Sees sees) {
    const Extents& extents = tensor.extents();
    if (extents.size() < 2 || tensor.element_count() == 0) return std::nullopt;
    const std::vector<double> elements = tensor.to_doubles();
    return SightOfElements(elements, extents.end()[-2], extents.back()).read(sees);
  }

  // Moves that leave the last two axes together, or cut a piece out of them.
  template <typename Read>
  std::optional<Sight> moved(const Operator& op, std::span<const ClassId> operands, NodeId node,
                             Read read) {
    if (op.is("slice")) return of_slice(op, operands[0], read);
    const bool keeps = op.is("broadcast") || op.is("reshape") || keeps_matrices(op);
    if (!keeps || !end_in_one_matrix(shape(operands[0]), shape(class_of(node))))
      return std::nullopt;
    return read(operands[0]);
  }

  static bool keeps_matrices(const Operator& op) {
    if (!op.is("permute")) return false;
    const Integers& order = op.attributes.get<Integers>("order");
    const auto rank = static_cast<std::int64_t>(order.size());
    return rank >= 2 && place_of(order[rank - 1], static_cast<int>(rank)) == rank - 1 &&
           place_of(order[rank - 2], static_cast<int>(rank)) == rank - 2;
  }

  template <typename Read>
  std::optional<Sight> of_slice(const Operator& op, ClassId operand, Read read) {
    if (op.attributes.get<std::int64_t>("step") != 1) return std::nullopt;
    const int rank = static_cast<int>(shape(operand).size());
    const auto sight = rank >= 2 ? read(operand) : std::nullopt;
    if (!sight) return std::nullopt;
    const std::int64_t axis = from_last(op.attributes.get<std::int64_t>("axis"), rank);
    const Dim& start = op.attributes.get<Dim>("start");
    if (axis == -2) return Sight{plus(sight->low, start), plus(sight->high, start)};
    if (axis == -1) return Sight{plus(sight->low, 0 - start), plus(sight->high, 0 - start)};
    return sight;
  }

  // a - b is a distance of key and query, up to an offset and its sign.
  std::optional<Sight> of_comparison(const Operator& op, std::span<const ClassId> operands,
                                     bool is_negated) {
    const bool is_less = op.is("less"), is_less_equal = op.is("less_equal");
    const bool is_greater = op.is("greater"), is_greater_equal = op.is("greater_equal");
    if (!is_less && !is_less_equal && !is_greater && !is_greater_equal) return std::nullopt;
    const auto a = line_of(operands[0]), b = line_of(operands[1]);
    if (!a || !b || a->slopes.size() < 2) return std::nullopt;
    std::vector<std::int64_t> slopes = a->slopes;
    for (std::size_t axis = 0; axis < slopes.size(); ++axis) slopes[axis] -= b->slopes[axis];
    const std::int64_t sign = slopes.back();
    const bool is_distance = std::abs(sign) == 1 && slopes.end()[-2] == -sign &&
                             std::all_of(slopes.begin(), slopes.end() - 2,
                                         [](std::int64_t slope) { return slope == 0; });
    if (!is_distance) return std::nullopt;
    // sign * (j - i) + offset (compared with) 0.
    const Dim offset = a->offset - b->offset;
    const bool is_strict = (is_less || is_greater) != is_negated;
    const bool is_below = (is_less || is_less_equal) != is_negated;
    const Dim margin = is_strict ? 1 : 0;
    if (is_below == (sign > 0)) return Sight{{}, (sign > 0 ? 0 - offset : offset) - margin};
    return Sight{(sign > 0 ? 0 - offset : offset) + margin, {}};
  }

  std::optional<Line> line_of(ClassId id) {
    return remembered(lines_, graph_.find(id), [&]() -> std::optional<Line> {
      if (is_float(graph_.facts(id).type.dtype) || is_integer(graph_.facts(id).type.dtype)) {
        if (const auto splat = graph_.facts(id).splat) return level(*splat, shape(id).size());
        for (const NodeId node : graph_.nodes_of(id)) {
          if (auto line = line_of(node)) return line;
        }
      }
      return std::nullopt;
    });
  }

  static std::optional<Line> level(double value, std::size_t rank) {
    if (std::nearbyint(value) != value || std::abs(value) > 0x1p52) return std::nullopt;
    return Line{static_cast<std::int64_t>(value), std::vector<std::int64_t>(rank, 0)};
  }

  std::optional<Line> line_of(NodeId node) {
    const Operator& op = graph_.operator_of(node);
    const auto operands = children(node);
    if (op.kind == NodeKind::constant) return line_of_elements(op.constant);
    if (op.op == nullptr || !is_wide(node)) return std::nullopt;
    if (op.is("iota")) return Line{op.attributes.get<Dim>("start"), {1}};
    if (op.is("cast")) return line_of(operands[0]);
    if (op.is("add") || op.is("sub")) return combined(operands, op.is("add") ? 1 : -1);
    if (op.is("reshape")) return reshaped(operands[0], shape(class_of(node)));
    if (op.is("broadcast")) return spread(operands[0], shape(class_of(node)));
    if (op.is("permute")) return permuted(operands[0], op.attributes.get<Integers>("order"));
    if (op.is("slice")) return sliced(operands[0], op.attributes);
    return std::nullopt;
  }

  // Numbers that grow by the same step along each axis.
  static std::optional<Line> line_of_elements(const Tensor& tensor) {
    if (tensor.element_count() == 0) return std::nullopt;
    const std::vector<double> elements = tensor.to_doubles();
    const Extents& extents = tensor.extents();
    auto line = level(elements.front(), extents.size());
    std::vector<std::int64_t> strides(extents.size(), 1);
    for (std::size_t axis = extents.size(); line && axis-- > 0;) {
      if (axis + 1 < extents.size()) strides[axis] = strides[axis + 1] * extents[axis + 1];
      if (extents[axis] == 1) continue;
      const auto step = level(elements[strides[axis]] - elements.front(), 0);
      if (!step) return std::nullopt;
      line->slopes[axis] = *step->offset.constant();
    }
    for (std::size_t at = 0; line && at < elements.size(); ++at) {
      double value = elements.front();
      for (std::size_t axis = 0; axis < extents.size(); ++axis) {
        const std::int64_t place = static_cast<std::int64_t>(at) / strides[axis] % extents[axis];
        value += static_cast<double>(line->slopes[axis] * place);
      }
      if (value != elements[at]) return std::nullopt;
    }
    return line;
  }

  // Of a dtype that holds every position there may be.
  bool is_wide(NodeId node) const {
    const Dtype dtype = graph_.facts(class_of(node)).type.dtype;
    return dtype == Dtype::i64 || dtype == Dtype::i32 || dtype == Dtype::f32 || dtype == Dtype::f64;
  }

  std::optional<Line> combined(std::span<const ClassId> operands, std::int64_t sign) {
    const auto a = line_of(operands[0]), b = line_of(operands[1]);
    if (!a || !b) return std::nullopt;
    Line line = *a;
    line.offset += Dim(sign) * b->offset;
    for (std::size_t axis = 0; axis < line.slopes.size(); ++axis) {
      line.slopes[axis] += sign * b->slopes[axis];
    }
    return line;
  }

  std::optional<Line> reshaped(ClassId from, const Shape& to) {
    const auto line = line_of(from);
    const std::vector<std::size_t> old_axes = wide_axes(shape(from)), new_axes = wide_axes(to);
    if (!line || old_axes.size() != new_axes.size()) return std::nullopt;
    Line result{line->offset, std::vector<std::int64_t>(to.size(), 0)};
    for (std::size_t i = 0; i < old_axes.size(); ++i) {
      if (shape(from)[old_axes[i]] != to[new_axes[i]]) return std::nullopt;
      result.slopes[new_axes[i]] = line->slopes[old_axes[i]];
    }
    return result;
  }

  std::optional<Line> spread(ClassId from, const Shape& to) {
    const auto line = line_of(from);
    if (!line) return std::nullopt;
    Line result{line->offset, std::vector<std::int64_t>(to.size(), 0)};
    const std::size_t added = to.size() - shape(from).size();
    for (std::size_t axis = 0; axis < shape(from).size(); ++axis) {
      if (!is_one(shape(from)[axis])) result.slopes[added + axis] = line->slopes[axis];
    }
    return result;
  }

  std::optional<Line> permuted(ClassId from, const Integers& order) {
    const auto line = line_of(from);
    if (!line) return std::nullopt;
    Line result{line->offset, {}};
    for (const std::int64_t axis : order) {
      result.slopes.push_back(line->slopes[*place_of(axis, static_cast<int>(order.size()))]);
    }
    return result;
  }

  std::optional<Line> sliced(ClassId from, const Attributes& attributes) {
    auto line = line_of(from);
    if (!line || attributes.get<std::int64_t>("step") != 1) return std::nullopt;
    const auto axis =
        place_of(attributes.get<std::int64_t>("axis"), static_cast<int>(line->slopes.size()));
    line->offset += Dim(line->slopes[*axis]) * attributes.get<Dim>("start");
    return line;
  }

  const EGraph& graph_;
  std::map<std::pair<ClassId, bool>, std::optional<Sight>> booleans_;
  std::map<ClassId, std::optional<Sight>> added_;
  std::map<ClassId, std::optional<Line>> lines_;
  static constexpr int depth_max = 200;
  int depth_ = 0;
};

// Without bounds that no pair of a query and a key reaches.
Sight without_idle_bounds(Sight sight, const Dim& queries, const Dim& keys) {
  if (sight.high && is_known_at_least(*sight.high, keys - 1)) sight.high.reset();
  if (sight.low && is_known_at_least(1 - queries, *sight.low)) sight.low.reset();
  return sight;
}

std::optional<PositionMask> as_attributes(const Sight& sight, const Dim& ahead) {
  if (!sight.high) return std::nullopt;
  const bool is_causal = *sight.high == ahead;
  if (is_causal && !sight.low) return PositionMask{true, 0};
  if (!sight.low) return std::nullopt;
  const auto window = (ahead - *sight.low + 1).constant();
  if (!window || *window < 1) return std::nullopt;
  if (!is_causal && *sight.high != ahead + *window - 1) return std::nullopt;
  return PositionMask{is_causal, *window};
}

}  // namespace

std::optional<Sight> sight_of(const EGraph& graph, ClassId mask) {
  SightReader reader(graph);
  const bool is_boolean = graph.facts(mask).type.dtype == Dtype::boolean;
  return is_boolean ? reader.of_boolean(mask, false) : reader.of_added(mask);
}

std::optional<PositionMask> position_mask(const EGraph& graph, ClassId mask, const Dim& queries,
                                          const Dim& keys) {
  const Shape& shape = graph.facts(mask).type.shape;
  if (shape.size() < 2 || shape.end()[-2] != queries || shape.back() != keys) return std::nullopt;
  const auto sight = sight_of(graph, mask);
  if (!sight) return std::nullopt;
  const bool is_boolean = graph.facts(mask).type.dtype == Dtype::boolean;
  if (!is_boolean && !is_known_at_least(keys, queries)) return std::nullopt;
  return as_attributes(without_idle_bounds(*sight, queries, keys), keys - queries);
}

bool sees_some_key(const EGraph& graph, ClassId mask) {
  const Shape& shape = graph.facts(mask).type.shape;
  if (shape.size() < 2) return false;
  const Dim &queries = shape.end()[-2], &keys = shape.back();
  // A query sees the key at its own position, and there is one.
  return is_known_at_least(keys, queries) && position_mask(graph, mask, queries, keys);
}

}  // namespace paceline::rules
