#pragma once

#include <set>
#include <string>

#include "common/graph/graph.h"

namespace paceline {

// Which bindings of a graph make it do the same work. A symbol that states alone have in their
// types, as `capacity`, says how much is reserved: runs read and write what other symbols say of
// it. What ops write into a state in place is that state.
class SameWork {
 public:
  SameWork(const Graph& graph, const OpSet& ops);

  bool is_same(const Bindings& a, const Bindings& b) const;
  const std::set<std::string>& reserved() const { return reserved_; }

 private:
  std::set<std::string> reserved_;
};

}  // namespace paceline
