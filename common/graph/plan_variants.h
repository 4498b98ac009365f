#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/plan.h"

namespace paceline {

// Plans of one graph for ranges of one symbol's values: where the fastest path depends on N, each
// plan serves the values from its own `from` up to the next one's. All take the same inputs,
// weights and states and give the same outputs. Immutable; any thread.
struct PlanVariants {
  struct Variant {
    std::int64_t from = 0;  // Ascending, from 0: where measurements say that this plan takes over.
    Plan plan;
  };

  std::string symbol;
  std::vector<Variant> all;

  // Which of `all` serves these bindings. Throws `invalid` when there are several, and the symbol
  // is not bound.
  std::size_t select(const Bindings& bindings) const;
};

// A single plan, for all bindings, of no symbol.
PlanVariants one_plan(Plan plan);

// Throws `invalid` for no variants, ranges that do not start at 0 or do not ascend, and plans that
// take or give something else than the first.
void validate(const PlanVariants& variants);

// "variants N {\nfrom 0 plan {...}\nfrom 64 plan {...}\n}\n"
std::string to_text(const PlanVariants& variants);
PlanVariants parse_plan_variants(std::string_view text, const OpSet& ops);  // Throws `invalid`.

}  // namespace paceline
