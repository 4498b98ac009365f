#include "worker/execute/pool.h"

#include <oneapi/tbb/task_scheduler_observer.h>
#include <sched.h>

#include "worker/probe/probe.h"

namespace paceline {

// Binds threads as they come into the arena, and gives them back what they had.
class Pool::Keeper : public tbb::task_scheduler_observer {
 public:
  Keeper(tbb::task_arena& arena, const std::vector<int>& cpus) : task_scheduler_observer(arena) {
    ::sched_getaffinity(0, sizeof outside_, &outside_);
    CPU_ZERO(&inside_);
    for (const int cpu : cpus) CPU_SET(cpu, &inside_);
    observe(true);
  }
  ~Keeper() override { observe(false); }

  // Cores that were taken from the process since leave a thread where it was.
  void on_scheduler_entry(bool) override { ::sched_setaffinity(0, sizeof inside_, &inside_); }
  void on_scheduler_exit(bool) override { ::sched_setaffinity(0, sizeof outside_, &outside_); }

 private:
  cpu_set_t outside_{};
  cpu_set_t inside_{};
};

Pool::Pool(int threads) : Pool(threads, cpus_for_pool(threads)) {}

Pool::Pool(int threads, const std::vector<int>& cpus)
    : arena_(threads), team_(std::make_unique<kernels::cpu::Team>(threads)) {
  for (int i = 0; i < threads; ++i) {
    teams_of_one_.push_back(std::make_unique<kernels::cpu::Team>(1));
  }
  if (cpus.size() < usable_cpus().size()) keeper_ = std::make_unique<Keeper>(arena_, cpus);
}

Pool::~Pool() {
  arena_.execute([&] {
    team_ = nullptr;
    teams_of_one_.clear();
  });
}

}  // namespace paceline
