#pragma once

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstdint>

namespace paceline::kernels::cpu {

// Work on fewer elements than this is over before a second thread has woken up.
inline constexpr std::int64_t elements_per_task_min = 16 * 1024;

// Calls body(begin, end) for ranges that cover [0, count), over the current oneTBB arena; at once
// and on this thread when there is one thread or little to do. `elements` says what one item costs.
template <typename Body>
void parallel_ranges(std::int64_t count, std::int64_t elements, int threads, const Body& body) {
  const std::int64_t grain = elements_per_task_min / std::max<std::int64_t>(elements, 1) + 1;
  if (threads == 1 || count <= grain) {
    if (count > 0) body(std::int64_t{0}, count);
    return;
  }
  tbb::parallel_for(
      tbb::blocked_range<std::int64_t>(0, count, grain),
      [&body](const auto& range) { body(range.begin(), range.end()); }, tbb::static_partitioner{});
}

// Which of the `threads` parts of a workspace the running thread may use.
inline int workspace_part(int threads) {
  return threads == 1 ? 0 : tbb::this_task_arena::current_thread_index();
}

}  // namespace paceline::kernels::cpu
