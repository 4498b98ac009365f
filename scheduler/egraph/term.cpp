#include "scheduler/egraph/term.h"

#include <limits>
#include <unordered_map>

#include "common/graph/text/elements.h"
#include "common/graph/text/writer.h"
#include "scheduler/egraph/build.h"
#include "scheduler/egraph/program.h"

namespace paceline::egraph {

namespace {

constexpr int nodes_max = 32;

// Attributes that are not the op's defaults.
std::string attributes_of(const Operator& op) {
  std::string text;
  for (const AttributeSpec& spec : op.op->attributes) {
    const Attribute& value = *op.attributes.find(spec.name);
    const bool is_default =
        spec.default_value && value == *Attributes().complete("", {spec}).find(spec.name);
    if (!is_default)
      text += fmt::format("{}{}={}", text.empty() ? "" : ",", spec.name, to_string(value));
  }
  return text.empty() ? text : "[" + text + "]";
}

std::string leaf_text(const Operator& leaf) {
  if (leaf.kind != NodeKind::constant) return name_text(leaf.name);
  return leaf.type.shape.empty() ? elements_text(leaf.constant)
                                 : "constant:" + leaf.type.to_string();
}

class Writer {
 public:
  explicit Writer(const EGraph& graph) : graph_(graph) {}
  virtual ~Writer() = default;

  std::string node(NodeId id) {
    const Operator& op = graph_.operator_of(id);
    if (op.kind != NodeKind::op) return leaf_text(op);
    if (++written_ > nodes_max) return "...";
    std::string text = "(" + op.op->name;
    if (op.output > 0) text += fmt::format("#{}", op.output);
    text += attributes_of(op);
    for (const ClassId child : children(id)) text += " " + node(choose(child));
    return text + ")";
  }

 protected:
  // The node that stands for a class.
  virtual NodeId choose(ClassId id) const { return {id.value}; }
  virtual std::span<const ClassId> children(NodeId id) const {
    return graph_.original_children(id);
  }

  const EGraph& graph_;

 private:
  int written_ = 0;
};

// Writes the smallest term of each class.
class SmallestWriter : public Writer {
 public:
  explicit SmallestWriter(const EGraph& graph) : Writer(graph) {
    while (improve()) continue;
  }

  NodeId choose(ClassId id) const override { return best_.at(graph_.find(id)).node; }
  std::span<const ClassId> children(NodeId id) const override { return graph_.node(id).children; }

 private:
  struct Best {
    double size = std::numeric_limits<double>::infinity();
    NodeId node;
  };

  bool improve() {
    bool any = false;
    for (std::int32_t i = 0; i < graph_.created_count(); ++i) {
      const NodeId id{i};
      double size = 1;
      for (const ClassId child : graph_.node(id).children) size += best_[graph_.find(child)].size;
      Best& best = best_[graph_.find(class_of(id))];
      if (size >= best.size) continue;
      best = {size, id};
      any = true;
    }
    return any;
  }

  std::unordered_map<ClassId, Best> best_;
};

}  // namespace

std::string to_text(const EGraph& graph, ClassId id) {
  SmallestWriter writer(graph);
  return writer.node(writer.choose(id));
}

std::string to_text(const EGraph& graph, NodeId node) { return Writer(graph).node(node); }

ClassId add_term(EGraph& graph, std::string_view text,
                 const std::map<std::string, ClassId, std::less<>>& variables,
                 const Functions& functions) {
  std::vector<std::string> names;
  Match match;
  for (const auto& [name, id] : variables) {
    names.push_back(name);
    match.registers.push_back(id);
  }
  const Program program = compile_term(text, names, graph.ops(), functions);
  std::vector<std::pair<ClassId, ClassId>> premises;
  const auto built = build(graph, program.right, match, premises);
  if (!built) throw invalid("a function of this term does not apply: {}", text);
  return *built;
}

}  // namespace paceline::egraph
