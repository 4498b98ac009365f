#pragma once

#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"

namespace paceline::test {

// Rivals for `abs` on f32, one honest and the others each bad in its own way: "abs_honest",
// "abs_slow" (ten times the work), "abs_crawls" (a tenth of a second), "abs_wrong", "abs_crashes",
// "abs_hangs", "abs_eats_memory", "abs_throws", "abs_runs_out".
std::span<const Kernel> unruly_kernels();

// How a test starts itself as a measuring child with these kernels.
std::vector<std::string> unruly_child_command();
// The same, of a program whose `abs_plain` has another content than ours.
std::vector<std::string> foreign_child_command();

}  // namespace paceline::test
