#pragma once

#include <map>
#include <span>
#include <vector>

#include "common/graph/plan.h"
#include "kernels/kernel.h"
#include "worker/execute/packed_cache.h"
#include "worker/execute/device_memory.h"
#include "worker/execute/pool.h"
#include "worker/execute/prepared.h"
#include "worker/execute/sources.h"

namespace paceline {

// What the prologue of a plan runs on.
struct PrologueSetting {
  std::span<const Kernel> kernels;
  Resources resources;
  Pool& threads;
  std::map<Device, std::int64_t> memory_bytes_max;  // That it may use, by device.
  kernels::DeviceRuntime* runtime = nullptr;        // Null: the plan is for the CPU alone.
  PreparedTensors* shared = nullptr;  // Null: nothing is shared.
  PackedCache* cache = nullptr;       // Null: nothing is kept for the next program.
};

struct PreparedBuffers {
  std::vector<PreparedTensors::Bytes> bytes;  // By Plan::prepared; null for what no run reads.
  PreparedAccount account;
};

// Runs the prologue, except for what `shared` and `cache` hold. Afterwards `sources` holds no
// weight that only the prologue reads, and no page of those that it read is resident for its sake.
// Throws `invalid` for a weight of other extents, `exhausted` with the numbers when it needs more
// memory than it may use.
PreparedBuffers run_prologue(const Plan& plan, Sources& sources, const PrologueSetting& setting);

}  // namespace paceline
