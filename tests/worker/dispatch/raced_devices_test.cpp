#include <gmock/gmock.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "common/store/store.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/dispatch.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

// Races of one graph on a machine with a GPU, which this one need not have.
class RacedDevices : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda_.empty()) GTEST_SKIP() << "built without CUDA kernels";
    machine_.cpu_model = "Example 9000";
    machine_.gpus = {{.model = "Example G100", .architecture = "sm_90"}};
    store_->put(machine_);
    store_->put(environment_);
    const GraphText text{graph_.id(), graph_.name(), to_text(graph_)};
    store_->put(std::span(&text, 1));
  }

  static std::vector<Kernel> of(DeviceKind kind) {
    const auto all = kind == DeviceKind::cpu ? std::vector<Kernel>(kernels::all_kernels())
                                             : std::vector<Kernel>(kernels::cuda_kernels().begin(),
                                                                   kernels::cuda_kernels().end());
    return all;
  }

  // A path on one device, in the store.
  PathId path(DeviceKind kind) {
    Path path{.graph = graph_, .choices = {}};
    for (std::int32_t n = 0; n < std::ssize(graph_.nodes()); ++n) {
      if (graph_.node(n).kind != NodeKind::op) continue;
      const std::vector<Kernel>& kernels = kind == DeviceKind::cpu ? cpu_ : cuda_;
      const auto kernel = std::ranges::find(kernels, graph_.node(n).op,
                                            [](const Kernel& kernel) { return kernel.info.op; });
      path.choices.push_back({n, kernel->info.name, {kind, 0}});
    }
    const PathText text{path.id(), graph_.id(), to_text(path)};
    store_->put(std::span(&text, 1));
    return path.id();
  }

  void row(int finished_s, PathId path, double seconds) {
    PathMeasurement row;
    row.id = PathMeasurementId::random();
    row.path = path;
    row.machine = machine_.id();
    row.environment = environment_.id();
    row.bindings = bindings_;
    row.regime = Regime::cold;
    row.samples_s = std::vector<double>(8, seconds);
    row.blocks = {0, 1, 2, 3, 4, 5, 6, 7};
    row.summary = summarize(row.samples_s, row.blocks);
    row.method = 3;
    row.finished = Time(std::chrono::seconds(finished_s));
    row.node = "there";
    store_->put(std::span<const PathMeasurement>(&row, 1));
  }

  Dispatched dispatch(std::span<const Kernel> kernels) {
    GraphDispatcher::Options options{.regime = Regime::cold};
    options.elsewhere = {machine_, environment_};
    return GraphDispatcher(ops::all_ops(), kernels, store_.get(), options)
        .dispatch(graph_, bindings_);
  }

  const Graph graph_ = parse_graph(
      "graph \"g\" {\n input x: f32[N]\n a = exp(x) b = neg(a) output y = b\n }", ops::all_ops());
  const Bindings bindings_ = {{"N", 4096}};
  const std::vector<Kernel> cpu_ = of(DeviceKind::cpu), cuda_ = of(DeviceKind::cuda);
  Machine machine_ = probe_machine();
  const Environment environment_ = probe_environment(1);
  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_ / "timings.db").string());
};

TEST_F(RacedDevices, ARaceCountsForTheDevicesThatItWasRunOver) {
  const PathId on_cpu = path(DeviceKind::cpu), on_gpu = path(DeviceKind::cuda);
  row(1, on_cpu, 1e-6);
  row(1, on_gpu, 2e-6);
  EXPECT_EQ(dispatch(cuda_).basis, Basis::standing);
  EXPECT_EQ(dispatch(cpu_).basis, Basis::standing);

  row(2, on_gpu, 3e-6);
  const Dispatched alone = dispatch(cuda_);
  EXPECT_EQ(alone.basis, Basis::raced);
  EXPECT_EQ(alone.decision.path.id(), on_gpu);
  EXPECT_EQ(alone.raced->summary.median_s, 3e-6);

  std::vector<Kernel> both = cpu_;
  both.insert(both.end(), cuda_.begin(), cuda_.end());
  const Dispatched mixed = dispatch(both);
  EXPECT_EQ(mixed.basis, Basis::raced);
  EXPECT_EQ(mixed.decision.path.id(), on_cpu);
}

}  // namespace
}  // namespace paceline
