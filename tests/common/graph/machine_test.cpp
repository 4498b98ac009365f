#include "common/graph/machine.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

Machine machine() {
  return {.cpu_model = "Example 9000",
          .architecture = "x86_64",
          .isa = {"avx2", "fma"},
          .cores = 8,
          .hardware_threads = 16,
          .caches = {{1, 32768, 2}},
          .memory_bytes = std::int64_t{64} << 30,
          .hypervisor = "none"};
}

TEST(MachineId, IsEqualForEqualParts) { EXPECT_EQ(machine().id(), machine().id()); }

TEST(MachineId, DependsOnEachPart) {
  Machine other = machine();
  other.caches[0].bytes *= 2;
  EXPECT_NE(other.id(), machine().id());
  other = machine();
  other.isa.push_back("avx512f");
  EXPECT_NE(other.id(), machine().id());
  other = machine();
  other.gpus.push_back({.model = "Accelerator"});
  EXPECT_NE(other.id(), machine().id());
}

TEST(ModelKey, IsTheSameWhateverTheMemoryOrTheCores) {
  Machine smaller = machine();
  smaller.memory_bytes /= 2;
  smaller.cores = 4;
  EXPECT_EQ(smaller.model_key(), machine().model_key());
  Machine with_gpus = machine();
  with_gpus.gpus = {{.model = "Accelerator"}, {.model = "Accelerator"}};
  EXPECT_EQ(with_gpus.model_key(), "x86_64 Example 9000 + Accelerator");
}

TEST(EnvironmentId, DependsOnThreadsAndSettings) {
  const Environment environment{.os = "Example Linux 1", .threads = 2};
  Environment other = environment;
  EXPECT_EQ(other.id(), environment.id());
  other.threads = 1;
  EXPECT_NE(other.id(), environment.id());
  other = environment;
  other.settings["OMP_NUM_THREADS"] = "1";
  EXPECT_NE(other.id(), environment.id());
}

}  // namespace
}  // namespace paceline
