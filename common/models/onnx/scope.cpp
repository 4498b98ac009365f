#include "common/models/onnx/scope.h"

#include <algorithm>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

// Those of the graphs in its attributes too, which may also be names of their own.
void add_names_read(const NodeRecord& node, std::vector<std::string>& names) {
  for (const std::string& name : node.inputs) {
    if (!name.empty()) names.push_back(name);
  }
  for (const AttributeRecord& attribute : node.attributes) {
    if (!attribute.graph) continue;
    for (const NodeRecord& inner : attribute.graph->nodes) add_names_read(inner, names);
    for (const ValueRecord& output : attribute.graph->outputs) names.push_back(output.name);
  }
}

// Depth first, without recursion: files may hold chains of any length.
class Sorter {
 public:
  Sorter(const std::vector<NodeRecord>& nodes,
         const std::function<bool(const std::string&)>& is_outside, const std::string& source)
      : nodes_(nodes), is_outside_(is_outside), source_(source), states_(nodes.size()) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& name : nodes[i].outputs) {
        if (name.empty()) continue;
        if (!producers_.emplace(name, i).second) {
          throw invalid("{}: two nodes give one value: \"{}\", the second is {}", source_, name,
                        describe(nodes[i]));
        }
      }
    }
  }

  std::vector<const NodeRecord*> sort() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) visit(i);
    return std::move(order_);
  }

 private:
  struct Frame {
    std::size_t node;
    std::vector<std::size_t> needs;
    std::size_t next = 0;
  };

  std::vector<std::size_t> needs_of(std::size_t index) const {
    const NodeRecord& node = nodes_[index];
    std::vector<std::string> names;
    add_names_read(node, names);
    std::vector<std::size_t> needs;
    for (const std::string& name : names) {
      const auto producer = producers_.find(name);
      if (producer != producers_.end()) {
        needs.push_back(producer->second);
      } else if (std::count(node.inputs.begin(), node.inputs.end(), name) > 0 &&
                 !is_outside_(name)) {
        throw invalid("{}: {} reads a value that nothing gives: \"{}\"", source_, describe(node),
                      name);
      }
    }
    return needs;
  }

  void visit(std::size_t root) {
    if (states_[root] != State::fresh) return;
    std::vector<Frame> stack;
    const auto enter = [&](std::size_t node) {
      states_[node] = State::open;
      stack.push_back({node, needs_of(node)});
    };
    enter(root);
    while (!stack.empty()) {
      Frame& frame = stack.back();
      if (frame.next == frame.needs.size()) {
        states_[frame.node] = State::done;
        order_.push_back(&nodes_[frame.node]);
        stack.pop_back();
        continue;
      }
      const std::size_t need = frame.needs[frame.next++];
      if (states_[need] == State::open) {
        throw invalid("{}: nodes form a cycle through {}", source_, describe(nodes_[need]));
      }
      if (states_[need] == State::fresh) enter(need);
    }
  }

  enum class State { fresh, open, done };

  const std::vector<NodeRecord>& nodes_;
  const std::function<bool(const std::string&)>& is_outside_;
  const std::string& source_;
  std::vector<State> states_;
  std::map<std::string, std::size_t> producers_;
  std::vector<const NodeRecord*> order_;
};

using AttributeMap = std::map<std::string, const AttributeRecord*>;

NodeRecord substitute(const NodeRecord& node, const AttributeMap& values);

AttributeRecord substitute(const AttributeRecord& attribute, const AttributeMap& values) {
  AttributeRecord copy = attribute;
  if (!attribute.graph) return copy;
  auto graph = std::make_shared<GraphRecord>(*attribute.graph);
  for (NodeRecord& node : graph->nodes) node = substitute(node, values);
  copy.graph = graph;
  return copy;
}

NodeRecord substitute(const NodeRecord& node, const AttributeMap& values) {
  NodeRecord copy = node;
  copy.attributes.clear();
  for (const AttributeRecord& attribute : node.attributes) {
    if (attribute.reference.empty()) {
      copy.attributes.push_back(substitute(attribute, values));
      continue;
    }
    // A reference to what the call leaves out is left out too.
    const auto value = values.find(attribute.reference);
    if (value == values.end()) continue;
    copy.attributes.push_back(*value->second);
    copy.attributes.back().name = attribute.name;
  }
  return copy;
}

}  // namespace

std::string describe(const NodeRecord& node) {
  const std::string name = !node.name.empty()     ? node.name
                           : node.outputs.empty() ? ""
                                                  : node.outputs.front();
  const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
  return fmt::format("node \"{}\" ({})", name, op);
}

std::vector<const NodeRecord*> in_order(const std::vector<NodeRecord>& nodes,
                                        const std::function<bool(const std::string&)>& is_outside,
                                        const std::string& source) {
  return Sorter(nodes, is_outside, source).sort();
}

std::vector<NodeRecord> instantiate(const FunctionRecord& function, const NodeRecord& call) {
  AttributeMap values;
  for (const AttributeRecord& attribute : function.defaults) values[attribute.name] = &attribute;
  for (const AttributeRecord& attribute : call.attributes) values[attribute.name] = &attribute;
  std::vector<NodeRecord> nodes;
  for (const NodeRecord& node : function.nodes) nodes.push_back(substitute(node, values));
  return nodes;
}

}  // namespace paceline::onnx
