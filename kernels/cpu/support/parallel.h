#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/support/team.h"

namespace paceline::kernels::cpu {

// Work on fewer elements than this is over before a second thread has woken up.
inline constexpr std::int64_t elements_per_task_min = 16 * 1024;

// Calls body(i) for each i below `pieces`, by the running thread's team, or else over the current
// oneTBB arena.
template <typename Body>
void parallel_pieces(std::int64_t pieces, const Body& body) {
  if (Team* team = Team::current()) {
    team->run(pieces, body);
  } else {
    tbb::parallel_for(std::int64_t{0}, pieces, body, tbb::simple_partitioner{});
  }
}

// Calls body(begin, end) for ranges that cover [0, count), `ranges_per_thread` for each thread; at
// once and on this thread when there is one thread or little to do. `elements` says what one item
// costs.
template <typename Body>
void parallel_ranges(std::int64_t count, std::int64_t elements, int threads, const Body& body,
                     std::int64_t ranges_per_thread = 1) {
  const std::int64_t grain = elements_per_task_min / std::max<std::int64_t>(elements, 1) + 1;
  if (threads == 1 || count <= grain) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  const std::int64_t ranges = std::min(threads * ranges_per_thread, (count + grain - 1) / grain);
  parallel_pieces(ranges,
                  [&](std::int64_t i) { body(count * i / ranges, count * (i + 1) / ranges); });
}

// As parallel_ranges() for work that waits for memory, which cores get in unequal shares: several
// ranges for each thread.
template <typename Body>
void parallel_streams(std::int64_t count, std::int64_t elements, int threads, const Body& body) {
  constexpr std::int64_t ranges_per_thread = 8;
  parallel_ranges(count, elements, threads, body, ranges_per_thread);
}

// Which of the `threads` parts of a workspace the running thread may use.
inline int workspace_part(int threads) {
  return threads == 1 ? 0 : tbb::this_task_arena::current_thread_index();
}

}  // namespace paceline::kernels::cpu
