#include "worker/execute/pool.h"

#include <gmock/gmock.h>
#include <oneapi/tbb/parallel_for.h>
#include <sched.h>

#include <atomic>

#include "worker/probe/probe.h"

namespace paceline {
namespace {

std::vector<int> affinity() {
  cpu_set_t set;
  EXPECT_EQ(::sched_getaffinity(0, sizeof set, &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(Pool, KeepsItsThreadsToItsCpusWhileTheyAreInIt) {
  const std::vector<int> before = affinity();
  const std::vector<int> last = {usable_cpus().back()};
  if (before.size() < 2) GTEST_SKIP() << "one CPU: nothing to keep from";
  Pool pool(2, last);
  std::atomic<int> elsewhere = 0;
  for (int i = 0; i < 20; ++i) {
    pool.execute([&] { tbb::parallel_for(0, 8, [&](int) { elsewhere += affinity() != last; }); });
    EXPECT_EQ(affinity(), before);
  }
  EXPECT_EQ(elsewhere, 0);
}

TEST(Pool, BindsNothingWhereItMayRunAnywhere) {
  const std::vector<int> before = affinity();
  Pool pool(2, usable_cpus());
  EXPECT_EQ(pool.execute([] { return affinity(); }), before);
}

}  // namespace
}  // namespace paceline
