#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "worker/execute/dim_table.h"

namespace paceline {

// Inference repeated with the symbols bound: what the symbols left open (a slice within its axis,
// an update within its target) is decided here. Equal nodes of repeated layers are checked once.
class TypeCheck {
 public:
  TypeCheck(const Graph& graph, const OpSet& ops);

  // Looks at what the last bind of `dims` changed. Throws `invalid` naming the op and its operands.
  void run(const Bindings& bindings, const DimTable& dims) const;

 private:
  struct Signature {
    const Op* op;
    Attributes attributes;
    std::vector<TensorType> inputs;
    std::set<std::string> symbols;
  };

  std::vector<Signature> signatures_;
};

}  // namespace paceline
