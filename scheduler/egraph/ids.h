#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace paceline::egraph {

// Strong indices into one EGraph.
template <typename Tag>
struct Index {
  std::int32_t value = -1;

  friend auto operator<=>(const Index&, const Index&) = default;
};

// A class of equal values. Ids of merged classes stay valid and name the merged class: compare with
// EGraph::same, and ask EGraph::find for the one id under which a map may file a class.
using ClassId = Index<struct ClassTag>;
// A term as it was added: an operator over classes. Node n was added as class n.
using NodeId = Index<struct NodeTag>;
using OperatorId = Index<struct OperatorTag>;

// The id under which a node was added, which explanations start and end at.
inline ClassId class_of(NodeId node) { return {node.value}; }

}  // namespace paceline::egraph

template <typename Tag>
struct std::hash<paceline::egraph::Index<Tag>> {
  std::size_t operator()(paceline::egraph::Index<Tag> id) const noexcept {
    return static_cast<std::size_t>(id.value);
  }
};
