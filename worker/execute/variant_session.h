#pragma once

#include <vector>

#include "common/graph/plan_variants.h"
#include "worker/execute/session.h"

namespace paceline {

// Plan variants, run as if they were one plan: a bind picks the variant that serves its bindings.
// States and what prologues prepare exist once; each variant that was ever bound keeps its arena,
// so that going back and forth costs what binding costs. One thread calls.
class VariantSession {
 public:
  // Throws `invalid` for variants that do not go together, and what Session throws.
  VariantSession(PlanVariants variants, const OpSet& ops, std::span<const Kernel> kernels,
                 const WeightSet& weights, Session::Options options);

  // As of Session. Inputs whose type does not change keep their contents over a change of variant.
  void bind(const Bindings& bindings);
  void reserve(const Bindings& bindings);
  void set_input(std::string_view name, const Tensor& tensor);
  void run();
  TensorView output(std::string_view name) const;
  void clear_states();

  std::size_t variant() const { return current_; }  // The one that serves the last bindings.
  Session& session() { return sessions_[current_]; }

 private:
  static void hand_over(const Session& from, Session& to, const Bindings& bindings);
  void check_bound() const;

  PlanVariants ranges_;  // Without their plans, which the sessions have.
  std::vector<Session> sessions_;
  std::size_t current_ = 0;
  bool is_bound_ = false;
};

}  // namespace paceline
