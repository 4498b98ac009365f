#include "worker/probe/cpu_choice.h"

#include <gmock/gmock.h>

#include "worker/probe/hardware.h"

namespace paceline::probe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A machine as hwloc describes one: of each object, how many the one before has.
class Described {
 public:
  explicit Described(const char* description) {
    EXPECT_EQ(hwloc_topology_init(topology_.out()), 0);
    EXPECT_EQ(hwloc_topology_set_synthetic(topology_.get(), description), 0);
    EXPECT_EQ(hwloc_topology_load(topology_.get()), 0);
  }

  // `list` as in "0-3,8".
  Described& with_kind(const char* list, int efficiency) {
    const hwloc_bitmap_t cpus = hwloc_bitmap_alloc();
    EXPECT_EQ(hwloc_bitmap_list_sscanf(cpus, list), 0);
    EXPECT_EQ(hwloc_cpukinds_register(topology_.get(), cpus, efficiency, 0, nullptr, 0), 0);
    hwloc_bitmap_free(cpus);
    return *this;
  }

  // Of the hardware threads from `first` on, best first.
  std::vector<HardwareThread> usable(int first = 0) const {
    std::vector<HardwareThread> threads = hardware_threads(topology_.get());
    std::erase_if(threads, [&](const HardwareThread& thread) { return thread.cpu < first; });
    return best_first(std::move(threads));
  }
  std::vector<int> order(int first = 0) const {
    std::vector<int> cpus;
    for (const HardwareThread& thread : usable(first)) cpus.push_back(thread.cpu);
    return cpus;
  }

 private:
  HardwareTopology topology_;
};

TEST(CpuChoice, TakesOneThreadOfEachCoreFirst) {
  const Described machine("numa:1 core:4 pu:2");
  EXPECT_THAT(machine.order(), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
}

TEST(CpuChoice, FillsTheCoresOfOneNodeBeforeTheNext) {
  const Described machine("numa:2 core:2 pu:2");
  EXPECT_THAT(machine.order(), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
}

TEST(CpuChoice, StartsWithTheNodeOfWhichItMayUseMost) {
  const Described machine("numa:2 core:4 pu:1");
  EXPECT_THAT(machine.order(3), ElementsAre(4, 5, 6, 7, 3));
}

TEST(CpuChoice, CountsTheThreadsOfACoreThatItMayUse) {
  const Described machine("numa:1 core:3 pu:2");
  EXPECT_THAT(machine.order(1), ElementsAre(1, 2, 4, 3, 5));
}

// Four efficient cores, then two fast ones of two threads, as hybrid machines have them.
Described hybrid() {
  Described machine("numa:1 core:6 pu:2");
  machine.with_kind("0-7", 0).with_kind("8-11", 1);
  return machine;
}

TEST(CpuChoice, TakesPerformanceCoresFirstAndOthersBeforeSiblings) {
  EXPECT_THAT(hybrid().order(), ElementsAre(8, 10, 0, 2, 4, 6, 9, 11, 1, 3, 5, 7));
}

TEST(PoolCpus, AreAllWhereAllAreAlike) {
  const Described machine("numa:1 core:4 pu:1");
  for (const int threads : {1, 3, 4, 9}) {
    EXPECT_THAT(pool_cpus(machine.usable(), threads), ElementsAre(0, 1, 2, 3));
  }
  EXPECT_THAT(pool_cpus({}, 1), IsEmpty());
}

TEST(PoolCpus, AreOfOneNodeWhileThatIsEnough) {
  const Described machine("numa:2 core:2 pu:1");
  EXPECT_THAT(pool_cpus(machine.usable(), 2), ElementsAre(0, 1));
  EXPECT_THAT(pool_cpus(machine.usable(), 3), ElementsAre(0, 1, 2, 3));
}

TEST(PoolCpus, AreOneOfEachCoreForThreadsThatWouldShareIt) {
  const Described machine("numa:1 core:2 pu:2");
  EXPECT_THAT(pool_cpus(machine.usable(), 2), ElementsAre(0, 2));
  EXPECT_THAT(pool_cpus(machine.usable(), 3), UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_THAT(pool_cpus(machine.usable(), 1), UnorderedElementsAre(0, 1, 2, 3));
}

TEST(PoolCpus, ArePerformanceCoresWhileTheyAreEnough) {
  EXPECT_THAT(pool_cpus(hybrid().usable(), 2), ElementsAre(8, 10));
  EXPECT_THAT(pool_cpus(hybrid().usable(), 3), ElementsAre(8, 10, 0, 2, 4, 6));
}

}  // namespace
}  // namespace paceline::probe
