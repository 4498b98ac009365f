#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/graph/graph.h"

namespace paceline::fusion {

// Who reads the values of a graph. Borrows it.
class Readers {
 public:
  explicit Readers(const Graph& graph) : graph_(graph), readers_(graph.nodes().size()) {
    for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
      for (const ValueRef input : graph.nodes()[n].inputs) {
        std::vector<std::int32_t>& readers = readers_[input.node];
        const auto node = static_cast<std::int32_t>(n);
        if (readers.empty() || readers.back() != node) readers.push_back(node);
      }
    }
    for (const auto& output : graph.outputs()) given_.push_back(output.value);
    for (const auto& update : graph.state_updates()) given_.push_back(update.value);
  }

  // Nodes that read a value, each once, ascending.
  std::vector<std::int32_t> of(ValueRef value) const {
    std::vector<std::int32_t> found;
    for (const std::int32_t reader : readers_[value.node]) {
      if (std::ranges::count(graph_.node(reader).inputs, value) > 0) found.push_back(reader);
    }
    return found;
  }

  // The graph gives it as an output, or a state becomes it.
  bool is_given(ValueRef value) const { return std::ranges::count(given_, value) > 0; }

  // The node reads it, once, and nobody else does.
  bool is_only(ValueRef value, std::int32_t reader) const {
    return !is_given(value) && of(value) == std::vector{reader} &&
           std::ranges::count(graph_.node(reader).inputs, value) == 1;
  }

 private:
  const Graph& graph_;
  std::vector<std::vector<std::int32_t>> readers_;  // By node.
  std::vector<ValueRef> given_;
};

}  // namespace paceline::fusion
