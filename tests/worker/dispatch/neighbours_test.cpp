#include <gmock/gmock.h>

#include <utility>

#include "common/ops/all_ops.h"
#include "common/store/store.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/dispatch.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

Workload exp_of(std::int64_t rows) {
  return parse_workload(fmt::format("exp(f32[{0},64]) -> f32[{0},64]", rows), ops::all_ops());
}

// A store with rows of one kernel of `exp` on three sizes, a microsecond a row.
class NeighboursTest : public ::testing::Test {
 protected:
  NeighboursTest() {
    store_->put(machine_);
    store_->put(environment_);
    store_->put(Roofline{.machine = machine_.id(),
                         .threads = 1,
                         .flops_per_s = 1e10,
                         .bytes_per_s = 1e10,
                         .cache_bytes_per_s = 1e10,
                         .call_s = 1e-7});
    for (const Kernel& kernel : kernels::all_kernels()) {
      store_->put(std::span(&kernel.info, 1));
      if (kernel.info.name == "exp_plain") kernel_ = &kernel.info;
    }
    for (const int rows : {16, 64, 256}) put(exp_of(rows), rows * 1e-6);
  }

  void put(const Workload& workload, double seconds) {
    store_->put(std::span(&workload, 1));
    Measurement row;
    row.id = MeasurementId::random();
    row.kernel = kernel_->id();
    row.workload = workload.id();
    row.machine = machine_.id();
    row.environment = environment_.id();
    row.samples_s = {seconds};
    row.blocks = {0};
    row.summary = summarize(row.samples_s, row.blocks);
    row.node = "here";
    row.started = row.finished = now();
    store_->put(std::span(&row, 1));
  }

  Estimate estimate(const KernelInfo& kernel, const Workload& workload) {
    return dispatcher_.costs_for(std::span(&workload, 1))->estimate(kernel, workload).value();
  }

  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_ / "timings.db").string());
  Machine machine_ = probe_machine();
  Environment environment_ = probe_environment(1);
  const KernelInfo* kernel_ = nullptr;
  GraphDispatcher dispatcher_{ops::all_ops(), kernels::all_kernels(), store_.get(), {}};
};

TEST_F(NeighboursTest, TakesAGpusRowsWhateverTheThreads) {
  const auto cuda = kernels::cuda_kernels();
  const auto found = std::ranges::find(cuda, "exp", [](const Kernel& k) { return k.info.op; });
  if (found == cuda.end()) GTEST_SKIP() << "built without CUDA kernels";
  store_->put(Roofline{.machine = machine_.id(),
                       .device = DeviceKind::cuda,
                       .flops_per_s = 5e13,
                       .bytes_per_s = 4e12,
                       .cache_bytes_per_s = 8e12,
                       .call_s = 1e-6});
  environment_.threads = 8;
  store_->put(environment_);
  store_->put(std::span(&found->info, 1));
  kernel_ = &found->info;
  put(exp_of(32), 3e-6);
  GraphDispatcher on_gpu(ops::all_ops(), std::span(&*found, 1), store_.get(),
                         {.regime = Regime::hot});

  const Workload workload = exp_of(32);
  const Estimate estimate =
      on_gpu.costs_for(std::span(&workload, 1))->estimate(found->info, workload).value();
  EXPECT_EQ(estimate.origin, Origin::measured_here);
  EXPECT_EQ(estimate.seconds, 3e-6);
  // What eight threads of the CPU took still says nothing of one.
  kernel_ = &*std::ranges::find(dispatcher_.infos(), "exp_plain", &KernelInfo::name);
  put(exp_of(48), 1e-3);
  EXPECT_NE(this->estimate(*kernel_, exp_of(48)).origin, Origin::measured_here);
}

TEST_F(NeighboursTest, PredictsTheUnmeasuredFromOtherShapes) {
  const Estimate found = estimate(*kernel_, exp_of(128));
  EXPECT_EQ(found.origin, Origin::interpolated);
  EXPECT_NEAR(found.seconds, 128e-6, 2e-6);
  EXPECT_EQ(found.records.size(), 3);
}

TEST_F(NeighboursTest, GuessesFarFromThemByWhatTheKernelReached) {
  const Estimate found = estimate(*kernel_, exp_of(4096));
  EXPECT_EQ(found.origin, Origin::roofline);
  EXPECT_NEAR(found.seconds, 4096e-6, 400e-6);
}

TEST_F(NeighboursTest, PredictsAKernelThatOnlyOthersHaveRowsOf) {
  // Another kernel was measured on this very workload, so that it does not lack rows.
  KernelInfo other = *kernel_;
  other.name = "exp_other";
  const Workload workload = exp_of(128);
  store_->put(std::span(&other, 1));
  const KernelInfo* kept = std::exchange(kernel_, &other);
  put(workload, 5e-6);
  const Estimate found = estimate(*kept, workload);
  EXPECT_EQ(found.origin, Origin::interpolated);
  EXPECT_NEAR(found.seconds, 128e-6, 2e-6);
}

TEST_F(NeighboursTest, TakesTheMeasuredBeforeItsNeighbours) {
  put(exp_of(128), 1e-6);
  EXPECT_EQ(estimate(*kernel_, exp_of(128)).origin, Origin::measured_here);
}

}  // namespace
}  // namespace paceline
