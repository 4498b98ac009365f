#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/graph/dtype.h"
#include "common/ops/support/fused_program.h"

namespace paceline::kernels::cuda {

inline constexpr int fused_operands_max =
    ops::FusedProgram::inputs_max + ops::FusedProgram::outputs_max;
inline constexpr int fused_rank_max = 8;

// The one argument of a generated kernel, as its text declares it. Axis 0 is the innermost; strides
// are in elements.
struct FusedArguments {
  void* data[fused_operands_max] = {};
  std::int64_t count = 0;   // Places of a flat walk, or rows.
  std::int64_t pieces = 0;  // Of a row.
  std::int64_t extents[fused_rank_max] = {};
  std::uint32_t divisors[fused_rank_max] = {}, multipliers[fused_rank_max] = {},
                shifts[fused_rank_max] = {};
  std::int64_t strides[fused_operands_max][fused_rank_max] = {};
};

// All of a fused node that its text depends on.
struct FusedForm {
  const ops::FusedProgram* program = nullptr;
  // By operand, inputs before outputs.
  std::vector<Dtype> dtypes;
  enum class Step { single, unit, any };  // Along axis 0: one value for all, side by side, apart.
  std::vector<Step> steps;
  std::vector<bool> are_read_once;  // No element for two places.
  bool in_rows = false;             // With reductions: a team goes over each row.
  int rank = 1;
  int chunk = 1;   // Elements that are read and written at once.
  int places = 2;  // Of a thread, in a flat walk.
  int team = 32;   // Threads a row: 32 to 1024, a power of two.
  // Pieces of a row that a thread keeps in registers from the first pass on; 0: every pass reads
  // the row anew.
  int held = 0;
  bool is_full = false;  // The row has exactly so many pieces as its threads hold.
  bool is_wide = false;  // More than 2^31 places.

  int block() const { return !in_rows || team == 32 ? 256 : team; }
};

std::string fused_text(const FusedForm& form);

}  // namespace paceline::kernels::cuda
