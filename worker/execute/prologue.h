#pragma once

#include <oneapi/tbb/task_arena.h>

#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "worker/execute/packed_cache.h"
#include "worker/execute/prepared.h"
#include "worker/execute/sources.h"

namespace paceline {

// What the prologue of a plan runs on.
struct PrologueSetting {
  std::span<const Kernel> kernels;
  Resources resources;
  tbb::task_arena& threads;
  std::int64_t memory_bytes_max = 0;
  PreparedTensors* shared = nullptr;  // Null: nothing is shared.
  PackedCache* cache = nullptr;       // Null: nothing is kept for the next program.
};

// Runs the prologue, except for what `shared` and `cache` hold, and gives the memory of each
// prepared buffer that runs read, by Plan::prepared; null for the others. Afterwards `sources`
// holds no weight that only the prologue reads. Throws `invalid` for a weight of other extents,
// `exhausted` with the numbers when it needs more memory than it may use.
std::vector<PreparedTensors::Bytes> run_prologue(const Plan& plan, Sources& sources,
                                                 const PrologueSetting& setting);

}  // namespace paceline
