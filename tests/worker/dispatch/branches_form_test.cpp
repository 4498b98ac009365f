#include "worker/dispatch/branches_form.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fleet/workloads.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/path_study.h"
#include "worker/probe/probe.h"
#include "worker/probe/roofline.h"

namespace paceline {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;

// Two products of one value, and their sum.
Graph branches() {
  GraphBuilder builder(ops::all_ops(), "branches");
  const Value x = builder.input("x", {Dtype::f32, {1, 64}});
  const Value a = builder.op("linear", {x, builder.weight("a", {Dtype::f32, {64, 64}})});
  const Value b = builder.op("linear", {x, builder.weight("b", {Dtype::f32, {64, 64}})});
  builder.output("y", builder.op("mul", {a, builder.op("tanh", {b})}));
  return builder.finish();
}

class BranchesFormTest : public ::testing::Test {
 protected:
  using SecondsOf = std::function<double(const KernelInfo&)>;

  GraphDispatcher dispatcher(int threads) {
    // So that nobody measures one.
    store_->put(probe_machine());
    store_->put(nominal_roofline(probe_machine().id(), DeviceKind::cpu, threads));
    return {ops_, kernels_, store_.get(), {.threads = threads}};
  }

  // A row of every kernel on every workload of the graph.
  void put_rows(const GraphDispatcher& dispatcher, const SecondsOf& seconds_of) {
    store_->put(dispatcher.machine());
    store_->put(dispatcher.environment());
    for (const Workload& workload : workloads_of(graph_, {}, ops_)) {
      store_->put(std::span(&workload, 1));
      for (const KernelInfo& kernel : dispatcher.infos()) {
        if (kernel.op != workload.op || refusal(kernel, workload)) continue;
        store_->put(std::span(&kernel, 1));
        Measurement row;
        row.id = MeasurementId::random();
        row.kernel = kernel.id();
        row.workload = workload.id();
        row.machine = dispatcher.machine().id();
        row.environment = dispatcher.environment().id();
        row.samples_s = {seconds_of(kernel)};
        row.blocks = {0};
        row.summary = summarize(row.samples_s, row.blocks);
        row.started = row.finished = now();
        store_->put(std::span(&row, 1));
      }
    }
  }

  static std::vector<std::int32_t> bundles_of(const Path& path) {
    std::vector<std::int32_t> bundles;
    for (const Choice& choice : path.choices) bundles.push_back(choice.bundle);
    return bundles;
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_ / "store.sqlite").string());
  Graph graph_ = prepare(branches(), ops_, kernels_);
  const Bindings none_;
  GraphDispatcher both_ = dispatcher(2);
  GraphDispatcher one_ = dispatcher(1);
  BranchesForm form_{both_, one_, ops_, none_};
};

TEST_F(BranchesFormTest, BranchesThatOneThreadDoesAlmostAsFastRunSideBySide) {
  put_rows(both_, [](const KernelInfo& kernel) { return kernel.is_plain ? 20e-6 : 10e-6; });
  put_rows(one_, [](const KernelInfo& kernel) { return kernel.is_plain ? 10.5e-6 : 30e-6; });
  const Decision standing = both_.decide(graph_, none_);
  const auto found = form_.of({standing.path, standing.predicted_s, {}});
  ASSERT_TRUE(found);
  EXPECT_LT(found->predicted_s, standing.predicted_s - 8e-6);
  EXPECT_THAT(bundles_of(found->path), ElementsAre(0, 0, -1, -1));
  EXPECT_NE(found->path.id(), standing.path.id());
  // By the kernels that are the best for one thread.
  const auto is_plain_one = [&](const Choice& choice) {
    const auto info = std::ranges::find(both_.infos(), choice.kernel, &KernelInfo::name);
    return info != both_.infos().end() && info->is_plain;
  };
  EXPECT_TRUE(is_plain_one(found->path.choices[0]));
  EXPECT_FALSE(is_plain_one(found->path.choices[3]));
}

TEST_F(BranchesFormTest, NothingWhereOneThreadTakesTwiceAsLong) {
  put_rows(both_, [](const KernelInfo&) { return 10e-6; });
  put_rows(one_, [](const KernelInfo&) { return 20e-6; });
  const Decision standing = both_.decide(graph_, none_);
  EXPECT_FALSE(form_.of({standing.path, standing.predicted_s, {}}));
}

TEST_F(BranchesFormTest, NothingWhereOneThreadWasNotMeasured) {
  put_rows(both_, [](const KernelInfo&) { return 10e-6; });
  const Decision standing = both_.decide(graph_, none_);
  EXPECT_FALSE(form_.of({standing.path, standing.predicted_s, {}}));
  EXPECT_THAT(form_.to_measure(standing.path),
              Contains(workload_of(graph_, standing.path.choices.front().node, none_)));
}

TEST_F(BranchesFormTest, NobodyTakesThemWithoutARace) {
  put_rows(both_, [](const KernelInfo&) { return 10e-6; });
  put_rows(one_, [](const KernelInfo&) { return 10e-6; });
  EXPECT_THAT(bundles_of(both_.dispatch(graph_, none_).decision.path), Each(-1));
}

TEST_F(BranchesFormTest, AStudyOfSeveralThreadsOffersThem) {
  for (GraphDispatcher* dispatcher : {&one_, &both_}) {
    put_rows(*dispatcher, [](const KernelInfo&) { return 10e-6; });
    const auto candidates = find_candidates(*dispatcher, ops_, kernels_, *store_, graph_, none_,
                                            {.paths = 2, .rounds = 0}, [](auto) {});
    const bool has_bundles = std::ranges::any_of(candidates, [](const PathCandidate& candidate) {
      return std::ranges::any_of(candidate.path.choices,
                                 [](const Choice& choice) { return choice.bundle >= 0; });
    });
    EXPECT_EQ(has_bundles, dispatcher == &both_);
  }
}

}  // namespace
}  // namespace paceline
