#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/graph/dtype.h"
#include "common/ops/support/fused_program.h"

namespace paceline::kernels::cpu {

// When each step of a program happens while a row is computed. A row is walked once for each
// reduction that waits for another: pass 0 computes what needs none, pass 1 what needs results of
// pass 0, and so on. Between passes, single values are computed: they hold for the whole row.
struct FusedSchedule {
  struct Value {
    bool is_single = false;  // One value a row.
    int pass = 0;            // In which it is computed; single values before it.
    bool is_saved = false;   // A later pass reads it.
  };
  std::vector<Value> steps;
  std::vector<int> saved;  // Steps that later passes read, in order: each has a buffer of a row.
  int pass_count = 1;

  int slot_of(int step) const {
    return static_cast<int>(std::ranges::find(saved, step) - saved.begin());
  }
};

// `input_is_single[i]`: input i has one value a row.
inline FusedSchedule schedule_of(const ops::FusedProgram& program,
                                 const std::vector<bool>& input_is_single) {
  using Kind = ops::FusedProgram::Operand::Kind;
  FusedSchedule schedule;
  for (const auto& step : program.steps) {
    FusedSchedule::Value value{.is_single = true};
    bool all_single = true;
    for (const auto& operand : step.operands) {
      if (operand.kind == Kind::input) all_single &= input_is_single[operand.index];
      if (operand.kind != Kind::step) continue;
      const FusedSchedule::Value& from = schedule.steps[operand.index];
      all_single &= from.is_single;
      value.pass = std::max(value.pass, from.pass);
    }
    value.is_single = all_single || step.is_reduction();
    // What a pass reduces is known after it.
    if (step.is_reduction() && !all_single) ++value.pass;
    schedule.pass_count = std::max(schedule.pass_count, value.pass + 1);
    schedule.steps.push_back(value);
  }
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    const auto& step = program.steps[s];
    const FusedSchedule::Value& value = schedule.steps[s];
    const int read_in = step.is_reduction() && value.is_single ? value.pass - 1 : value.pass;
    for (const auto& operand : step.operands) {
      if (operand.kind != Kind::step) continue;
      FusedSchedule::Value& from = schedule.steps[operand.index];
      if (!from.is_single && from.pass < read_in) from.is_saved = true;
    }
  }
  for (std::size_t s = 0; s < schedule.steps.size(); ++s) {
    if (schedule.steps[s].is_saved) schedule.saved.push_back(static_cast<int>(s));
  }
  return schedule;
}

inline bool has_reduction(const ops::FusedProgram& program) {
  return std::ranges::any_of(program.steps, [](const auto& step) { return step.is_reduction(); });
}

// At least so many buffers of a row as any schedule of the program saves, whatever is single: for
// workspaces, which are planned before extents are known.
inline int saved_count_max(const ops::FusedProgram& program) {
  if (!has_reduction(program)) return 0;
  return static_cast<int>(
      std::ranges::count_if(program.steps, [](const auto& step) { return !step.is_reduction(); }));
}

}  // namespace paceline::kernels::cpu
