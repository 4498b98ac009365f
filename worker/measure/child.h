#pragma once

#include <functional>
#include <span>

#include "common/graph/op.h"
#include "kernels/kernel.h"

namespace paceline {

// What a measuring child inherits from its parent.
inline constexpr int child_socket = 3;    // Requests and answers (worker/measure/message.h).
inline constexpr int child_progress = 4;  // The page of worker/measure/progress.h.

// Its exit status when a kernel ruined the context of its GPU.
inline constexpr int child_lost_its_device = 86;

// The life of a measuring child: serves sittings until its parent hangs up. Pins itself first, so
// nothing may have started threads before. Returns the exit code of the program.
int run_measure_child();  // With the kernels of this program.
// `kernels` is called once, after pinning.
int run_measure_child(const OpSet& ops, const std::function<std::span<const Kernel>()>& kernels);

}  // namespace paceline
