#pragma once

#include <optional>
#include <vector>

#include "common/graph/plan_variants.h"
#include "worker/execute/session.h"

namespace paceline {

// Plan variants, run as if they were one plan: a bind picks the variant that serves its bindings.
// States and what prologues prepare exist once; a variant's prologue runs when it is bound for the
// first time, and from then on it keeps its arena, so that going back and forth costs what binding
// costs. Borrows `ops` and `kernels`. One thread calls.
class VariantSession {
 public:
  // Throws `invalid` for variants that do not go together.
  VariantSession(PlanVariants variants, const OpSet& ops, std::span<const Kernel> kernels,
                 WeightSet weights, Session::Options options);

  // As of Session, which also throws here what it throws when it is made. Inputs whose type does
  // not change keep their contents over a change of variant.
  void bind(const Bindings& bindings);
  void reserve(const Bindings& bindings);
  void set_input(std::string_view name, const Tensor& tensor);
  void run();
  TensorView output(std::string_view name) const;
  void clear_states();
  // Lets go of all memory but the states. The next bind makes what it needs anew.
  void close();
  // close(), but for prepared tensors that both share: `next`, which serves `bindings` next, has
  // them.
  void close_for(VariantSession& next, const Bindings& bindings);

  const Graph& graph() const { return variants_.all.front().plan.graph; }
  std::size_t variant() const { return current_; }  // The one that serves the last bindings.
  Session& session();                               // Requires a bind.

 private:
  static void hand_over(const Session& from, Session& to, const Bindings& bindings);
  void check_bound() const;

  Session& open(std::size_t variant);

  PlanVariants variants_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  WeightSet weights_;
  Session::Options options_;
  std::vector<std::optional<Session>> sessions_;  // By variant, when it was ever bound.
  std::size_t current_ = 0;
  bool is_bound_ = false;
};

}  // namespace paceline
