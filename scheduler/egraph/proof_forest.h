#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/graph/kernel_info.h"
#include "scheduler/egraph/explanation.h"
#include "scheduler/egraph/ids.h"

namespace paceline::egraph {

// Why two terms were made equal, and the pairs of terms that this rests on: for congruence the
// children, for a rule what stands in the term against what was matched.
struct Proof {
  std::string rule;
  Precision precision = Precision::exact;
  ClassId before, after;
  std::vector<std::pair<ClassId, ClassId>> premises;
};

// One tree of terms a class, whose edges are the proofs by which it grew (Nieuwenhuis and Oliveras,
// Proof-Producing Congruence Closure, RTA 2005; for e-graphs, Flatt et al., FMCAD 2022). A premise
// holds when its edge is added, and the way between two terms never changes, so proofs end.
class ProofForest {
 public:
  void add_term() { up_.push_back({}); }
  void connect(Proof proof);

  // In dependency order, each proof once; `text` prints a term.
  Explanation explain(ClassId a, ClassId b, const std::function<std::string(NodeId)>& text) const;

 private:
  struct Up {
    ClassId to;
    std::int32_t proof = -1;
  };
  std::vector<std::int32_t> way(ClassId a, ClassId b) const;

  std::vector<Up> up_;  // By term; a root leads nowhere.
  std::vector<Proof> proofs_;
};

}  // namespace paceline::egraph
