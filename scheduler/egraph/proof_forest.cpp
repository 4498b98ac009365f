#include "scheduler/egraph/proof_forest.h"

#include <algorithm>

namespace paceline::egraph {

void ProofForest::connect(Proof proof) {
  // Turn the tree of `before` around, so that it hangs below `after`.
  Up next{proof.after, static_cast<std::int32_t>(proofs_.size())};
  ClassId at = proof.before;
  while (at.value >= 0) {
    const Up old = std::exchange(up_[at.value], next);
    next = {at, old.proof};
    at = old.to;
  }
  proofs_.push_back(std::move(proof));
}

// The proofs from a up to where the ways to the root meet, then down to b.
std::vector<std::int32_t> ProofForest::way(ClassId a, ClassId b) const {
  const auto to_root = [&](ClassId from) {
    std::vector<Up> ups;
    for (Up up{from}; up.to.value >= 0; up = up_[up.to.value]) ups.push_back(up);
    return ups;
  };
  std::vector<Up> left = to_root(a), right = to_root(b);
  check(left.back().to == right.back().to, "equal terms have one tree");
  while (left.size() > 1 && right.size() > 1 &&
         left[left.size() - 2].to == right[right.size() - 2].to) {
    left.pop_back();
    right.pop_back();
  }
  std::vector<std::int32_t> proofs;
  for (std::size_t i = 1; i < left.size(); ++i) proofs.push_back(left[i].proof);
  for (std::size_t i = right.size(); i-- > 1;) proofs.push_back(right[i].proof);
  return proofs;
}

Explanation ProofForest::explain(ClassId a, ClassId b,
                                 const std::function<std::string(NodeId)>& text) const {
  Explanation explanation;
  std::vector<bool> is_listed(proofs_.size());
  // Premises are older than what rests on them; a list of its own, since chains can be long.
  struct Pending {
    std::int32_t proof;
    bool is_open;
  };
  std::vector<Pending> pending;
  const auto push = [&](ClassId from, ClassId to) {
    const std::vector<std::int32_t> proofs = way(from, to);
    for (auto proof = proofs.rbegin(); proof != proofs.rend(); ++proof) {
      if (!is_listed[*proof]) pending.push_back({*proof, false});
    }
  };
  push(a, b);
  while (!pending.empty()) {
    const auto [index, is_open] = pending.back();
    const Proof& proof = proofs_[index];
    if (is_listed[index]) {
      pending.pop_back();
    } else if (!is_open) {
      pending.back().is_open = true;
      for (const auto& [left, right] : proof.premises) push(left, right);
    } else {
      pending.pop_back();
      is_listed[index] = true;
      const NodeId before{proof.before.value}, after{proof.after.value};
      explanation.steps.push_back(
          {proof.rule, proof.precision, before, after, text(before) + " = " + text(after)});
    }
  }
  return explanation;
}

}  // namespace paceline::egraph
