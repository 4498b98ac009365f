#include "scheduler/egraph/build.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"

namespace paceline::egraph {

namespace {

std::optional<std::vector<Argument>> evaluate_all(const std::vector<Call>& calls,
                                                  const EGraph& graph, const Match& match);

std::optional<Argument> evaluate(const Call& call, const EGraph& graph, const Match& match) {
  switch (call.kind) {
    case Call::Kind::literal:
      return call.literal;
    case Call::Kind::attribute:
      return *match.attributes[call.at];
    case Call::Kind::register_:
      return match.registers[call.at];
    case Call::Kind::list:
      return match.lists[call.at];
    case Call::Kind::function:
      break;
  }
  const auto arguments = evaluate_all(call.arguments, graph, match);
  if (!arguments) return std::nullopt;
  std::optional<Attribute> result = (*call.function)(*arguments, graph);
  if (!result) return std::nullopt;
  return Argument(*std::move(result));
}

std::optional<std::vector<Argument>> evaluate_all(const std::vector<Call>& calls,
                                                  const EGraph& graph, const Match& match) {
  std::vector<Argument> arguments;
  for (const Call& call : calls) {
    std::optional<Argument> argument = evaluate(call, graph, match);
    if (!argument) return std::nullopt;
    arguments.push_back(*std::move(argument));
  }
  return arguments;
}

std::optional<Attribute> evaluate_attribute(const Call& call, const EGraph& graph,
                                            const Match& match) {
  std::optional<Argument> value = evaluate(call, graph, match);
  if (!value) return std::nullopt;
  return std::get<Attribute>(*std::move(value));  // As compiled.
}

class Builder {
 public:
  Builder(EGraph& graph, const Match& match, std::vector<std::pair<ClassId, ClassId>>& premises)
      : graph_(graph), match_(match), premises_(premises) {}

  std::optional<ClassId> build(const Build& right) {
    switch (right.kind) {
      case Term::Kind::variable:
        return match_.registers[right.at];
      case Term::Kind::constant:
        return constant(right);
      default:
        return op(right);
    }
  }

 private:
  std::optional<ClassId> constant(const Build& right) {
    const auto value = evaluate_attribute(right.value, graph_, match_);
    const auto like = build(right.children[0]);
    if (!value || !like) return std::nullopt;
    const auto* integer = std::get_if<std::int64_t>(&*value);
    const auto* real = std::get_if<double>(&*value);
    if (integer == nullptr && real == nullptr) {
      throw invalid("a constant is a number: {}", to_string(*value));
    }
    const double number = integer != nullptr ? static_cast<double>(*integer) : *real;
    const TensorType type = graph_.facts(*like).type;
    if (is_lost(number, type.dtype)) return std::nullopt;
    return graph_.add_splat(number, type);
  }

  // A number that its dtype can only hold as infinity or zero would not be the rule's constant.
  static bool is_lost(double number, Dtype dtype) {
    if (!is_float(dtype) || !std::isfinite(number)) return false;
    const double held = Tensor::of<double>({}, {number}).cast(dtype).to_doubles()[0];
    return !std::isfinite(held) || (number != 0 && held == 0);
  }

  std::optional<ClassId> op(const Build& right) {
    std::vector<ClassId> children;
    for (const Build& child : right.children) {
      if (child.kind == Term::Kind::list) {
        const std::vector<ClassId>& list = match_.lists[child.at];
        children.insert(children.end(), list.begin(), list.end());
        continue;
      }
      const auto built = build(child);
      if (!built) return std::nullopt;
      children.push_back(*built);
    }
    if (right.is_fixed()) return add(right, right.attributes, std::move(children));
    const auto attributes = this->attributes(right);
    return attributes ? std::optional(add(right, *attributes, std::move(children))) : std::nullopt;
  }

  std::optional<Attributes> attributes(const Build& right) const {
    Attributes given = right.attributes;
    for (const std::string& name : right.rest_names) {
      given.set(name, *graph_.operators()[match_.rests[right.rest]].attributes.find(name));
    }
    for (const auto& [name, call] : right.computed) {
      auto value = evaluate_attribute(call, graph_, match_);
      if (!value) return std::nullopt;
      given.set(name, *std::move(value));
    }
    return given.complete(right.op->name, right.op->attributes);
  }

  ClassId add(const Build& right, const Attributes& attributes, std::vector<ClassId> children) {
    if (!graph_.explains())
      return graph_.add(*right.op, attributes, std::move(children), right.output);
    const ClassId id = graph_.add(*right.op, attributes, children, right.output);
    const std::vector<ClassId> found = aligned(graph_, NodeId{id.value}, children);
    for (std::size_t i = 0; i < children.size(); ++i) {
      if (children[i] != found[i]) premises_.emplace_back(children[i], found[i]);
    }
    return id;
  }

  EGraph& graph_;
  const Match& match_;
  std::vector<std::pair<ClassId, ClassId>>& premises_;
};

}  // namespace

bool holds(const ConditionCall& call, const EGraph& graph, const Match& match) {
  try {
    const auto arguments = evaluate_all(call.arguments, graph, match);
    return arguments && (*call.condition)(*arguments, graph) != call.is_negated;
  } catch (const Error& error) {
    // Extents that no 64 bits hold: whether the condition holds cannot be said.
    if (error.kind() != ErrorKind::invalid) throw;
    return false;
  }
}

std::optional<ClassId> build(EGraph& graph, const Build& right, const Match& match,
                             std::vector<std::pair<ClassId, ClassId>>& premises) {
  return Builder(graph, match, premises).build(right);
}

std::vector<ClassId> aligned(const EGraph& graph, NodeId node, std::vector<ClassId> classes) {
  const auto original = graph.original_children(node);
  std::vector<ClassId> terms(original.begin(), original.begin() + classes.size());
  if (terms.size() == 2 &&
      !(graph.same(terms[0], classes[0]) && graph.same(terms[1], classes[1]))) {
    std::swap(terms[0], terms[1]);
  }
  return terms;
}

}  // namespace paceline::egraph
