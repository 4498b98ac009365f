#pragma once

#include <oneapi/tbb/task_arena.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/cpu/support/team.h"

namespace paceline {

// The threads that a session's kernels run on: the caller's and those of a oneTBB arena, kept to
// the cores of this machine that suit their number (worker/probe/cpu_choice.h) while they are in
// it, as far as the process may use these. So memory that they touch first lies in the NUMA node
// from which they read it later. Where all cores are alike and near, nothing is bound and nothing
// costs. Between the short turns of a run they stay awake (kernels/cpu/support/team.h). One thread
// calls.
class Pool {
 public:
  explicit Pool(int threads);
  // Kept to `cpus`, some of those that the process may use.
  Pool(int threads, const std::vector<int>& cpus);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  template <typename Work>
  auto execute(Work&& work) {
    return arena_.execute([&] {
      const kernels::cpu::Team::Lead lead(*team_);
      return std::forward<Work>(work)();
    });
  }

  // body(i) for each i below `count`, side by side, each by one thread of the pool, and all that it
  // calls by that thread too. Within execute(), by who called it.
  template <typename Body>
  void side_by_side(std::int64_t count, const Body& body) {
    const auto alone = [&](std::int64_t i) {
      const int thread = tbb::this_task_arena::current_thread_index();
      const kernels::cpu::Team::Lead lead(*teams_of_one_[static_cast<std::size_t>(thread)]);
      body(i);
    };
    count == 1 ? alone(0) : team_->run(count, alone);
  }

 private:
  class Keeper;

  tbb::task_arena arena_;
  std::unique_ptr<kernels::cpu::Team> team_;
  std::vector<std::unique_ptr<kernels::cpu::Team>> teams_of_one_;  // By thread of the arena.
  std::unique_ptr<Keeper> keeper_;  // Null: its threads may run anywhere.
};

}  // namespace paceline
