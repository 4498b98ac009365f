#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/models/onnx/records.h"
#include "common/models/onnx/term.h"

namespace paceline::onnx {

// The names of one graph, within those of the graphs around it. One thread.
class Scope {
 public:
  explicit Scope(const Scope* outer, const Opsets& opsets) : outer_(outer), opsets_(opsets) {}

  const Opsets& opsets() const { return opsets_; }
  bool has(const std::string& name) const {
    return terms_.contains(name) || (outer_ != nullptr && outer_->has(name));
  }
  // Null when the name stands for nothing, because a node that was to give it is not supported.
  const std::optional<Term>* find(const std::string& name) const {
    const auto found = terms_.find(name);
    if (found != terms_.end()) return &found->second;
    return outer_ == nullptr ? nullptr : outer_->find(name);
  }
  // nullopt: nobody knows what it would have been.
  void define(const std::string& name, std::optional<Term> term) {
    terms_.insert_or_assign(name, std::move(term));
  }

 private:
  const Scope* outer_;
  const Opsets& opsets_;
  std::map<std::string, std::optional<Term>> terms_;
};

// The nodes in an order in which each follows what it reads, as files should have them and not all
// do. `is_outside` says which names come from elsewhere. Throws `invalid` naming the node for names
// that nobody gives, that two give, and for cycles; `source` stands before it.
std::vector<const NodeRecord*> in_order(const std::vector<NodeRecord>& nodes,
                                        const std::function<bool(const std::string&)>& is_outside,
                                        const std::string& source);

// The node's op and, when it has one, its name: how errors call it.
std::string describe(const NodeRecord& node);

// A function's nodes with the attributes of a call in the places that refer to them.
std::vector<NodeRecord> instantiate(const FunctionRecord& function, const NodeRecord& call);

}  // namespace paceline::onnx
