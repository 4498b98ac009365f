#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/graph/graph.h"
#include "scheduler/egraph/evaluation.h"
#include "scheduler/egraph/ids.h"
#include "scheduler/egraph/operator.h"

namespace paceline::egraph {

// The value of a class on random leaves, in a reference dtype, and how far equal forms of it may
// differ, relative to it.
//
// `shadow` is the same with every rounding off by a little, at random: where it differs much,
// digits have cancelled, and other forms may differ as much (stochastic arithmetic: Vignes, A
// stochastic arithmetic for reliable scientific computation, 1993).
struct ClassValue {
  Tensor elements;
  Tensor shadow;
  double noise = 0;
};

// What a disagreement looks like; empty when two values agree within their noise and `more`.
std::string disagreement(const ClassValue& a, const ClassValue& b, double more);

// Computes the values of an e-graph in test mode. Plain state.
class ClassValues {
 public:
  explicit ClassValues(Evaluation evaluation) : evaluation_(std::move(evaluation)) {}

  // Throws `invalid` for a leaf whose given value does not fit, `unsupported` when the reference
  // refuses what was drawn.
  ClassValue leaf(const Operator& leaf) const;
  ClassValue op(const Operator& op, std::span<const ClassValue* const> children,
                std::span<const TensorType> types) const;

  void add(ClassValue value) { values_.push_back(std::move(value)); }
  const ClassValue& at(ClassId id) const { return values_[id.value]; }
  // `winner` stands for both from now on: with the sharper value and the larger noise.
  void join(ClassId winner, ClassId loser, double more);
  // False when the noise was no less already.
  bool raise_noise(ClassId id, double noise);

  const Evaluation& evaluation() const { return evaluation_; }

 private:
  Evaluation evaluation_;
  std::vector<ClassValue> values_;  // By id.
};

}  // namespace paceline::egraph
