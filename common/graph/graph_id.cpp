#include <algorithm>

#include "common/graph/graph.h"

namespace paceline {

namespace {

void add(Hasher& hasher, const TensorType& type) {
  hasher.add(to_string(type.dtype)).add(type.shape.size());
  for (const Dim& dim : type.shape) hasher.add(dim.to_string());
  hasher.add(type.layout.order.size());
  for (const int axis : type.layout.order) hasher.add(axis);
  hasher.add(type.layout.packing);
}

std::string_view domain(NodeKind kind) {
  switch (kind) {
    case NodeKind::input:
      return "input/1";
    case NodeKind::weight:
      return "weight/1";
    case NodeKind::constant:
      return "constant/1";
    case NodeKind::state:
      return "state/1";
    case NodeKind::op:
      break;
  }
  return "node/1";
}

Digest digest_of(const Node& node, const std::vector<Digest>& earlier) {
  Hasher hasher(domain(node.kind));
  if (node.kind == NodeKind::op) {
    hasher.add(node.op);
    node.attributes.add_to(hasher);
    hasher.add(node.inputs.size());
    for (const ValueRef input : node.inputs) hasher.add(earlier[input.node]).add(input.output);
  } else if (node.kind == NodeKind::constant) {
    const Tensor& tensor = node.constant;
    hasher.add_bytes({static_cast<const std::byte*>(tensor.data()), tensor.size_bytes()});
  } else {
    hasher.add(node.name);
  }
  hasher.add(node.outputs.size());
  for (const TensorType& type : node.outputs) add(hasher, type);
  return hasher.finish();
}

// What a name stands for; sorted, so that the order of declaration does not count.
struct Use {
  std::string name;
  Digest digest;
  std::int32_t output;

  friend auto operator<=>(const Use&, const Use&) = default;
};

void add_sorted(Hasher& hasher, std::vector<Use> uses) {
  std::sort(uses.begin(), uses.end());
  hasher.add(uses.size());
  for (const Use& use : uses) hasher.add(use.name).add(use.digest).add(use.output);
}

}  // namespace

const std::vector<Digest>& node_digests(const Graph& graph) {
  graph.hash();
  return graph.body_->digests;
}

void Graph::hash() const {
  std::call_once(body_->hashed, [this] {
    std::vector<Digest>& digests = body_->digests;
    digests.reserve(nodes().size());
    for (const Node& node : nodes()) digests.push_back(digest_of(node, digests));
    std::vector<Use> used;
    for (const auto& [name, value] : outputs()) {
      used.push_back({name, digests[value.node], value.output});
    }
    std::vector<Use> updated;
    for (const auto& [state, value] : state_updates()) {
      updated.push_back({node(state).name, digests[value.node], value.output});
    }
    Hasher hasher("graph/1");
    add_sorted(hasher, std::move(used));
    add_sorted(hasher, std::move(updated));
    body_->id = {hasher.finish()};
  });
}

GraphId Graph::id() const {
  hash();
  return body_->id;
}

}  // namespace paceline
