#include "worker/dispatch/like_machines.h"

#include <gmock/gmock.h>

#include "common/store/store.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class LikeMachines : public ::testing::Test {
 protected:
  LikeMachines() {
    const GraphText graph{graph_, "g", "graph"};
    store_->put(std::span(&graph, 1));
    const PathText path{path_, graph_, "path"};
    store_->put(std::span(&path, 1));
  }

  static Machine machine(std::string cpu_model, std::int64_t memory_gib) {
    Machine machine;
    machine.cpu_model = std::move(cpu_model);
    machine.architecture = "x86_64";
    machine.memory_bytes = memory_gib << 30;
    return machine;
  }
  static Environment environment(std::string kernel, int threads) {
    return {.os = "os", .kernel = std::move(kernel), .governor = "none", .threads = threads};
  }

  void put(const Machine& machine, const Environment& environment, double seconds,
           std::int64_t finished_s) {
    store_->put(machine);
    store_->put(environment);
    PathMeasurement row;
    row.id = PathMeasurementId::random();
    row.path = path_;
    row.machine = machine.id();
    row.environment = environment.id();
    row.samples_s = {seconds};
    row.blocks = {0};
    row.summary = summarize(row.samples_s, row.blocks);
    row.finished = Time(std::chrono::seconds(finished_s));
    row.node = "there";
    store_->put(std::span<const PathMeasurement>(&row, 1));
  }

  std::vector<PathMeasurement> rows() {
    return rows_of_like_machines(*store_, graph_, machine("cpu", 16), environment("6.1", 1));
  }

  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_ / "timings.db").string());
  GraphId graph_ = GraphId::random();
  PathId path_ = PathId::random();
};

TEST_F(LikeMachines, AreOfTheSameModelWhateverTheirMemoryAndKernel) {
  put(machine("cpu", 32), environment("6.5", 1), 1, 1);
  ASSERT_THAT(rows(), SizeIs(1));
  EXPECT_EQ(rows()[0].summary.median_s, 1);
}

TEST_F(LikeMachines, AreNotOfAnotherModelNorOfOtherThreads) {
  EXPECT_THAT(rows(), IsEmpty());
  put(machine("another", 16), environment("6.1", 1), 1, 1);
  put(machine("cpu", 16), environment("6.1", 2), 1, 1);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(LikeMachines, GiveTheRowsOfOnePlaceTheNewest) {
  put(machine("cpu", 32), environment("6.5", 1), 1, 1);
  put(machine("cpu", 64), environment("6.5", 1), 2, 3);
  put(machine("cpu", 64), environment("6.5", 1), 3, 2);
  ASSERT_THAT(rows(), SizeIs(2));
  EXPECT_EQ(rows()[0].summary.median_s, 2);
  EXPECT_EQ(rows()[1].summary.median_s, 3);
}

}  // namespace
}  // namespace paceline
