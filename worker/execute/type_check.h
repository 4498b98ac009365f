#pragma once

#include <set>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "worker/execute/bound_attributes.h"
#include "worker/execute/dim_table.h"

namespace paceline {

// Inference repeated with the symbols bound: what the symbols left open (a slice within its axis,
// an update within its target) is decided here. Equal nodes of repeated layers are checked once.
// One thread.
class TypeCheck {
 public:
  TypeCheck(const Graph& graph, const OpSet& ops, DimTable& dims);

  // Looks at what the last bind of `dims` changed. Throws `invalid` naming the op and its operands.
  void run(const Bindings& bindings, const DimTable& dims);

 private:
  // A node's inputs and attributes with their symbols bound, rebound in place where they have any.
  struct Signature {
    struct SymbolicDim {
      std::size_t input = 0;
      std::size_t axis = 0;
      std::int32_t dim = -1;
    };

    const Op* op;
    BoundAttributes attributes;
    std::vector<TensorType> inputs;
    std::vector<SymbolicDim> symbolic_dims;
    std::uint64_t round = 0;  // Of the last check.
  };

  void add(const Node& node, const std::vector<TensorType>& inputs, const OpSet& ops,
           DimTable& dims);
  static void check(Signature& signature, const Bindings& bindings, const DimTable& dims);

  std::vector<Signature> signatures_;
  Dependents by_symbol_;
  std::uint64_t round_ = 0;
};

}  // namespace paceline
