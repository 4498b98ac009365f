#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/program.h"

namespace paceline::egraph {

// One way in which a left side fits: what its variables stand for.
struct Match {
  std::vector<NodeId> nodes;  // By Bind, in order of the program; the first is the root.
  std::vector<ClassId> registers;
  std::vector<std::vector<ClassId>> lists;
  std::vector<const Attribute*> attributes;
  std::vector<OperatorId> rests;
  std::uint64_t swaps = 0;  // Bit i: Bind i took the children of its node the other way round.

  // Nodes and their orientation say all else, and nodes keep their ids: equal for matches that
  // would build the same.
  std::uint64_t fingerprint() const;
};

// Finds the matches of one program. Requires a rebuilt e-graph, which must outlive it.
class Matcher {
 public:
  // `take` gets each match whose conditions hold; when it returns false, the search ends.
  Matcher(const EGraph& graph, const Program& program, std::function<bool(const Match&)> take);

  void match(NodeId root) { choose(0, root); }

 private:
  void step(std::size_t at);
  void finish();
  void choose(std::size_t at, NodeId node);
  void orient(const Bind& bind, const std::vector<ClassId>& children, std::size_t at);
  bool fits(const Bind& bind, const Operator& op);
  bool holds(const Check& check) const;

  const EGraph& graph_;
  const Program& program_;
  std::function<bool(const Match&)> take_;
  Match match_;
  std::vector<int> bound_;  // Attribute variables, in the order in which they were bound.
  bool is_done_ = false;
};

// The pairs of equal terms that a match rests on: what stands in a matched node against what was
// matched there. And the terms that its registers stand for, as first seen.
struct Grounds {
  std::vector<std::pair<ClassId, ClassId>> premises;
  std::vector<ClassId> terms;  // By register.
  std::vector<std::vector<ClassId>> lists;
};
Grounds grounds_of(const EGraph& graph, const Program& program, const Match& match);

}  // namespace paceline::egraph
