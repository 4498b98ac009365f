#include "worker/dispatch/path_study.h"

#include <gmock/gmock.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fleet/workloads.h"
#include "tests/support/scratch.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

using ::testing::Contains;

Graph layer() {
  GraphBuilder builder(ops::all_ops(), "layer");
  const Value x = builder.input("x", {Dtype::f32, {1, 64}});
  const Value w = builder.weight("w", {Dtype::f32, {64, 64}});
  builder.output("y", builder.op("gelu", {builder.op("matmul", {x, w})}));
  return builder.finish();
}

class PathStudyTest : public ::testing::Test {
 protected:
  // A row of every kernel on every workload of the graph.
  void put_rows(const std::function<double(const KernelInfo&)>& seconds_of) {
    store_->put(dispatcher_.machine());
    store_->put(dispatcher_.environment());
    for (const Workload& workload : workloads_of(graph_, {}, ops_)) {
      store_->put(std::span(&workload, 1));
      for (const KernelInfo& kernel : dispatcher_.infos()) {
        if (kernel.op != workload.op || refusal(kernel, workload)) continue;
        store_->put(std::span(&kernel, 1));
        Measurement row;
        row.id = MeasurementId::random();
        row.kernel = kernel.id();
        row.workload = workload.id();
        row.machine = dispatcher_.machine().id();
        row.environment = dispatcher_.environment().id();
        row.samples_s = {seconds_of(kernel)};
        row.blocks = {0};
        row.summary = summarize(row.samples_s, row.blocks);
        row.started = row.finished = now();
        store_->put(std::span(&row, 1));
      }
    }
  }

  const OpSet& ops_ = ops::all_ops();
  std::span<const Kernel> kernels_ = kernels::all_kernels();
  testing::Scratch scratch_;
  std::unique_ptr<Store> store_ = open_store((scratch_ / "store.sqlite").string());
  GraphDispatcher dispatcher_{ops_, kernels_, store_.get(), {}};
  Graph graph_ = prepare(layer(), ops_, kernels_);
};

// Rows of kernels timed alone speak against what estimates take; only a race of the whole may.
TEST_F(PathStudyTest, WhatRunsUnmeasuredIsAFinalist) {
  const Path bare = GraphDispatcher(ops_, kernels_, nullptr, {}).dispatch(graph_, {}).decision.path;
  put_rows([&](const KernelInfo& kernel) {
    return std::ranges::find(bare.choices, kernel.name, &Choice::kernel) != bare.choices.end()
               ? 1e-3
               : 1e-6;
  });
  std::vector<PathId> found;
  for (const PathCandidate& candidate :
       find_candidates(dispatcher_, ops_, kernels_, *store_, graph_, {}, {.paths = 4, .rounds = 0},
                       [](auto) {})) {
    found.push_back(candidate.path.id());
  }
  EXPECT_NE(found.front(), bare.id());
  EXPECT_THAT(found, Contains(bare.id()));
}

}  // namespace
}  // namespace paceline
