#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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
std::vector<const NodeRecord*> in_order(const std::vector<const NodeRecord*>& nodes,
                                        const std::function<bool(const std::string&)>& is_outside,
                                        const std::string& source);

// The node's op and, when it has one, its name: how errors call it.
std::string describe(const NodeRecord& node);

std::vector<const NodeRecord*> pointers_to(const std::vector<NodeRecord>& nodes);

// A function's nodes as one call has them.
struct Instance {
  std::vector<const NodeRecord*> nodes;          // The function's, or of `own`.
  std::vector<std::unique_ptr<NodeRecord>> own;  // Those that the call changes.
  std::int64_t copied_bytes = 0;                 // About what these take.
};

// A function's nodes with the attributes of a call in the places that refer to them, and without
// the operands named in `absent`, which the call leaves out.
Instance instantiate(const FunctionRecord& function, const NodeRecord& call,
                     const std::set<std::string>& absent);

}  // namespace paceline::onnx
