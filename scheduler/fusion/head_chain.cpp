#include "scheduler/fusion/head_chain.h"

#include <algorithm>

namespace paceline::fusion {

namespace {

// Walks from heads back to the projection, and says where the projection's elements lie in between.
class Walk {
 public:
  Walk(const Graph& graph, const OpSet& ops, const Readers& readers, const Dim& width)
      : graph_(graph), ops_(ops), readers_(readers), width_(width) {}

  // `nodes` lead from the value to the heads, the last first.
  std::optional<HeadChain> from(ValueRef value, std::vector<std::int32_t> nodes,
                                std::int32_t reader) {
    nodes_ = std::move(nodes);
    for (const std::int32_t node : nodes_) note(node);
    std::optional<HeadChain> found;
    for (;;) {
      if (is_projection(value)) {
        found = chain_;
        found->projection = value;
      }
      if (!readers_.is_only(value, reader) || !may_pass(value.node)) return found;
      note(value.node);
      nodes_.push_back(value.node);
      reader = value.node;
      value = graph_.node(reader).inputs[0];
    }
  }

 private:
  bool is_view(std::int32_t node) const {
    return graph_.node(node).kind == NodeKind::op && ops_.get(graph_.node(node).op).view != nullptr;
  }
  bool is(std::int32_t node, std::string_view op) const {
    return graph_.node(node).kind == NodeKind::op && graph_.node(node).op == op;
  }

  bool may_pass(std::int32_t node) const {
    if (is_view(node)) return true;
    if (chain_.norm >= 0) return false;
    return is(node, "rms_norm") || (is(node, "rope") && chain_.rope < 0);
  }

  void note(std::int32_t node) {
    if (is(node, "rope")) chain_.rope = node;
    if (is(node, "rms_norm")) chain_.norm = node;
  }

  // Elements of [B,N,heads*width] as heads [B,heads,N,width].
  StridedShape heads_of(const Shape& projection) const {
    const Dim& all = projection[2];
    const Dim& positions = projection[1];
    return {.shape = {projection[0], *all.divide_exactly(width_), positions, width_},
            .strides = {positions * all, width_, all, 1}};
  }

  static bool lies_as(const StridedShape& a, const StridedShape& b) {
    if (a.shape != b.shape || a.offset != b.offset) return false;
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) {
      if (a.shape[axis] != 1 && a.strides[axis] != b.strides[axis]) return false;
    }
    return true;
  }

  bool is_projection(ValueRef value) const {
    const Shape& shape = graph_.type(value).shape;
    if (shape.size() != 3 || !shape[2].divide_exactly(width_)) return false;
    const StridedShape wanted = heads_of(shape);
    StridedShape at{shape, {shape[1] * shape[2], shape[2], 1}};
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
      const Node& passed = graph_.node(*node);
      if (passed.op == "rope") {
        if (!lies_as(at, wanted)) return false;
      } else if (passed.op == "rms_norm") {
        if (at.shape.back() != width_ || at.strides.back() != 1) return false;
      } else {
        const OpInputs in{{&graph_.type(passed.inputs[0]), 1}, passed.attributes};
        auto next = ops_.get(passed.op).view(at, in);
        if (!next) return false;
        at = *std::move(next);
      }
    }
    return lies_as(at, wanted);
  }

  const Graph& graph_;
  const OpSet& ops_;
  const Readers& readers_;
  const Dim& width_;
  std::vector<std::int32_t> nodes_;
  HeadChain chain_;
};

}  // namespace

std::optional<HeadChain> head_chain(const Graph& graph, const OpSet& ops, const Readers& readers,
                                    ValueRef heads, std::int32_t reader, const Dim& width) {
  return Walk(graph, ops, readers, width).from(heads, {}, reader);
}

std::optional<HeadChain> rotated_chain(const Graph& graph, const OpSet& ops, const Readers& readers,
                                       std::int32_t rope, const Dim& width) {
  return Walk(graph, ops, readers, width).from(graph.node(rope).inputs[0], {rope}, rope);
}

}  // namespace paceline::fusion
