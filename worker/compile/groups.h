#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/graph.h"

namespace paceline {

// Values that may share memory because views lead from one to the other. Named by the value that
// they all view.
class Groups {
 public:
  // `statics` are nodes that do their work before any run: to runs they are like weights.
  Groups(const Graph& graph, const OpSet& ops, std::vector<bool> statics);

  bool is_view(std::int32_t node) const { return views_[node]; }
  // Does work in every run: an op that is neither view nor static.
  bool is_work(std::int32_t node) const;
  ValueRef group_of(ValueRef value) const { return roots_[value.node][value.output]; }
  // The work nodes that read a value of the group, each once, ascending.
  const std::vector<std::int32_t>& readers(ValueRef group) const;
  // Lives to the end of a run: outputs, what states become, states that nothing updates.
  bool is_pinned(ValueRef group) const { return pinned_[group.node][group.output]; }

 private:
  void add_reader(ValueRef value, std::int32_t node);
  void pin(ValueRef value);

  const Graph& graph_;
  const std::vector<bool> statics_;
  std::vector<bool> views_;
  std::vector<std::vector<ValueRef>> roots_;
  std::vector<std::vector<std::vector<std::int32_t>>> readers_;
  std::vector<std::vector<bool>> pinned_;
};

}  // namespace paceline
