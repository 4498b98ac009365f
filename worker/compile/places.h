#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "common/graph/graph.h"
#include "worker/compile/draft.h"

namespace paceline {

// Where values lie, by value and kind of device: at most one place on each.
class Places {
 public:
  explicit Places(const Graph& graph) {
    for (const Node& node : graph.nodes()) {
      first_.push_back(count_);
      count_ += node.outputs.size();
    }
    on_[0].resize(count_);
  }

  bool has(ValueRef value, DeviceKind kind) const {
    const auto& places = on_[side(kind)];
    return !places.empty() && places[index(value)].has_value();
  }
  bool has(ValueRef value) const {
    return has(value, DeviceKind::cpu) || has(value, DeviceKind::cuda);
  }
  const Place& at(ValueRef value, DeviceKind kind) const {
    return on_[side(kind)][index(value)].value();
  }
  void set(ValueRef value, DeviceKind kind, Place place) {
    auto& places = on_[side(kind)];
    if (places.empty()) places.resize(count_);  // Most plans are for the CPU alone.
    places[index(value)] = std::move(place);
  }

 private:
  static std::size_t side(DeviceKind kind) { return kind == DeviceKind::cpu ? 0 : 1; }
  std::size_t index(ValueRef value) const { return first_[value.node] + value.output; }

  std::vector<std::size_t> first_;  // By node.
  std::size_t count_ = 0;
  std::array<std::vector<std::optional<Place>>, 2> on_;
};

}  // namespace paceline
