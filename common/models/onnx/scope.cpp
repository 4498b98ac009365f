#include "common/models/onnx/scope.h"

#include <algorithm>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

// What the graphs in its attributes read, which may also be names of their own.
void add_names_within(const NodeRecord& node, std::vector<std::string>& names) {
  for (const AttributeRecord& attribute : node.attributes) {
    if (!attribute.graph) continue;
    for (const NodeRecord& inner : attribute.graph->nodes) {
      for (const std::string& name : inner.inputs) {
        if (!name.empty()) names.push_back(name);
      }
      add_names_within(inner, names);
    }
    for (const ValueRecord& output : attribute.graph->outputs) names.push_back(output.name);
  }
}

// Depth first, without recursion: files may hold chains of any length.
class Sorter {
 public:
  Sorter(const std::vector<const NodeRecord*>& nodes,
         const std::function<bool(const std::string&)>& is_outside, const std::string& source)
      : nodes_(nodes), is_outside_(is_outside), source_(source), states_(nodes.size()) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (const std::string& name : nodes[i]->outputs) {
        if (name.empty()) continue;
        if (!producers_.emplace(name, i).second) {
          throw invalid("{}: two nodes give one value: \"{}\", the second is {}", source_, name,
                        describe(*nodes[i]));
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
    const NodeRecord& node = *nodes_[index];
    std::vector<std::size_t> needs;
    for (const std::string& name : node.inputs) {
      if (name.empty()) continue;
      const auto producer = producers_.find(name);
      if (producer != producers_.end()) {
        needs.push_back(producer->second);
      } else if (!is_outside_(name)) {
        throw invalid("{}: {} reads a value that nothing gives: \"{}\"", source_, describe(node),
                      name);
      }
    }
    std::vector<std::string> within;
    add_names_within(node, within);
    for (const std::string& name : within) {
      const auto producer = producers_.find(name);
      if (producer != producers_.end()) needs.push_back(producer->second);
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
        order_.push_back(nodes_[frame.node]);
        stack.pop_back();
        continue;
      }
      const std::size_t need = frame.needs[frame.next++];
      if (states_[need] == State::open) {
        throw invalid("{}: nodes form a cycle through {}", source_, describe(*nodes_[need]));
      }
      if (states_[need] == State::fresh) enter(need);
    }
  }

  enum class State { fresh, open, done };

  const std::vector<const NodeRecord*>& nodes_;
  const std::function<bool(const std::string&)>& is_outside_;
  const std::string& source_;
  std::vector<State> states_;
  std::map<std::string, std::size_t> producers_;
  std::vector<const NodeRecord*> order_;
};

using AttributeMap = std::map<std::string, const AttributeRecord*>;

// Whether some attribute, of graphs within too, takes its value from the enclosing function's call.
bool refers(const NodeRecord& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const auto& attribute) {
    if (!attribute.reference.empty()) return true;
    if (!attribute.graph) return false;
    const auto& nodes = attribute.graph->nodes;
    return std::any_of(nodes.begin(), nodes.end(), refers);
  });
}

// Copies nodes for one call, counting what that takes.
class Copier {
 public:
  Copier(const AttributeMap& values, std::int64_t& bytes) : values_(values), bytes_(bytes) {}

  NodeRecord copy(const NodeRecord& node) {
    bytes_ += static_cast<std::int64_t>(
        sizeof(NodeRecord) + node.attributes.size() * sizeof(AttributeRecord) +
        (node.inputs.size() + node.outputs.size()) * sizeof(std::string));
    NodeRecord made{.name = node.name,
                    .op = node.op,
                    .domain = node.domain,
                    .inputs = node.inputs,
                    .outputs = node.outputs,
                    .attributes = {}};
    for (const AttributeRecord& attribute : node.attributes) {
      if (attribute.reference.empty()) {
        made.attributes.push_back(copy(attribute));
        continue;
      }
      // A reference to what the call leaves out is left out too.
      const auto value = values_.find(attribute.reference);
      if (value == values_.end()) continue;
      made.attributes.push_back(plain(*value->second));
      made.attributes.back().name = attribute.name;
    }
    return made;
  }

 private:
  AttributeRecord plain(const AttributeRecord& attribute) {
    bytes_ +=
        static_cast<std::int64_t>(attribute.text.size() + attribute.reals.size() * sizeof(float) +
                                  attribute.integers.size() * sizeof(std::int64_t) +
                                  attribute.texts.size() * sizeof(std::string));
    return attribute;
  }

  AttributeRecord copy(const AttributeRecord& attribute) {
    AttributeRecord made = plain(attribute);
    if (!attribute.graph) return made;
    const auto& nodes = attribute.graph->nodes;
    if (std::none_of(nodes.begin(), nodes.end(), refers)) return made;
    auto graph = std::make_shared<GraphRecord>();
    graph->name = attribute.graph->name;
    graph->initialisers = attribute.graph->initialisers;
    graph->inputs = attribute.graph->inputs;
    graph->outputs = attribute.graph->outputs;
    graph->has_sparse_initialisers = attribute.graph->has_sparse_initialisers;
    for (const TensorRecord& tensor : graph->initialisers) {
      bytes_ += static_cast<std::int64_t>(sizeof(TensorRecord) + tensor.reals.size() +
                                          tensor.integers.size() * sizeof(std::int64_t));
    }
    bytes_ += static_cast<std::int64_t>((graph->inputs.size() + graph->outputs.size()) *
                                        sizeof(ValueRecord));
    for (const NodeRecord& node : nodes) graph->nodes.push_back(copy(node));
    made.graph = graph;
    return made;
  }

  const AttributeMap& values_;
  std::int64_t& bytes_;
};

}  // namespace

std::string describe(const NodeRecord& node) {
  const std::string name = !node.name.empty()     ? node.name
                           : node.outputs.empty() ? ""
                                                  : node.outputs.front();
  const std::string op = node.domain.empty() ? node.op : node.domain + "." + node.op;
  return fmt::format("node \"{}\" ({})", name, op);
}

std::vector<const NodeRecord*> in_order(const std::vector<const NodeRecord*>& nodes,
                                        const std::function<bool(const std::string&)>& is_outside,
                                        const std::string& source) {
  return Sorter(nodes, is_outside, source).sort();
}

std::vector<const NodeRecord*> pointers_to(const std::vector<NodeRecord>& nodes) {
  std::vector<const NodeRecord*> pointers;
  for (const NodeRecord& node : nodes) pointers.push_back(&node);
  return pointers;
}

Instance instantiate(const FunctionRecord& function, const NodeRecord& call,
                     const std::set<std::string>& absent) {
  AttributeMap values;
  for (const AttributeRecord& attribute : function.defaults) values[attribute.name] = &attribute;
  for (const AttributeRecord& attribute : call.attributes) values[attribute.name] = &attribute;
  Instance instance;
  Copier copier(values, instance.copied_bytes);
  const auto is_absent = [&](const std::string& name) { return absent.contains(name); };
  for (const NodeRecord& node : function.nodes) {
    if (!refers(node) && std::none_of(node.inputs.begin(), node.inputs.end(), is_absent)) {
      instance.nodes.push_back(&node);
      continue;
    }
    instance.own.push_back(std::make_unique<NodeRecord>(copier.copy(node)));
    NodeRecord& own = *instance.own.back();
    // An optional input that the call leaves out is left out by the nodes that read it.
    std::replace_if(own.inputs.begin(), own.inputs.end(), is_absent, std::string());
    instance.nodes.push_back(&own);
  }
  return instance;
}

}  // namespace paceline::onnx
