#pragma once

#include <span>

#include "common/graph/op.h"
#include "kernels/kernel.h"

namespace paceline {

// What a measuring child inherits from worker/measure/measurer.cpp.
inline constexpr int child_request_descriptor = 3;
inline constexpr int child_reply_descriptor = 4;
inline constexpr int child_progress_descriptor = 5;  // A page of memory shared with the parent.

// The life of a measuring child: serves sittings until the parent closes the requests. Pins itself
// first, so nothing may have started threads or loaded a library with threads. Returns the exit
// code of the program.
int run_measure_child();  // With the kernels of this program.
int run_measure_child(const OpSet& ops, std::span<const Kernel> (*kernels)());

}  // namespace paceline
