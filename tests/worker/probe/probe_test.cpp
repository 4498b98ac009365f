#include "worker/probe/probe.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace paceline {
namespace {

using testing::Contains;
using testing::Each;
using testing::Field;
using testing::Gt;
using testing::IsEmpty;
using testing::Not;

TEST(ProbeMachine, FindsWhatEveryMachineHas) {
  const Machine machine = probe_machine();
  EXPECT_THAT(machine.cpu_model, Not(IsEmpty()));
  EXPECT_THAT(machine.architecture, Not(IsEmpty()));
  EXPECT_GE(machine.cores, 1);
  EXPECT_GE(machine.hardware_threads, machine.cores);
  EXPECT_THAT(machine.caches, Each(Field(&Machine::Cache::bytes, Gt(0))));
  EXPECT_THAT(machine.hypervisor, Not(IsEmpty()));
  EXPECT_TRUE(std::ranges::is_sorted(machine.isa));
}

TEST(ProbeMachine, FindsTheSameEachTime) { EXPECT_EQ(probe_machine().id(), probe_machine().id()); }

TEST(ProbeMachine, KeepsFlagsOfVectorUnitsOnly) {
  const Machine machine = probe_machine();
  if (machine.architecture != "x86_64") GTEST_SKIP() << machine.architecture;
  EXPECT_THAT(machine.isa, Contains("sse2"));
  EXPECT_THAT(machine.isa, Not(Contains("hypervisor")));
}

TEST(ProbeEnvironment, DependsOnTheThreadsAsked) {
  EXPECT_EQ(probe_environment(3).threads, 3);
  EXPECT_NE(probe_environment(1).id(), probe_environment(2).id());
  EXPECT_THAT(probe_environment(1).os, Not(IsEmpty()));
  EXPECT_THAT(probe_environment(1).governor, Not(IsEmpty()));
}

TEST(ProbeTopology, ListsEachProcessorOnce) {
  std::vector<int> cpus = probe_topology().cpus;
  ASSERT_THAT(cpus, Not(IsEmpty()));
  std::ranges::sort(cpus);
  EXPECT_EQ(std::ranges::adjacent_find(cpus), cpus.end());
}

TEST(UsableCpus, AreThoseOfTheAffinity) {
  const std::vector<int> all = usable_cpus();
  std::vector<int> usable, of_pool;
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(all.back(), &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    usable = usable_cpus();
    of_pool = cpus_for_pool(2);
  }).join();
  EXPECT_THAT(usable, testing::ElementsAre(all.back()));
  EXPECT_THAT(of_pool, testing::ElementsAre(all.back()));
}

TEST(AvailableMemory, IsSomeOfIt) { EXPECT_GT(available_memory_bytes(), 0); }

}  // namespace
}  // namespace paceline
