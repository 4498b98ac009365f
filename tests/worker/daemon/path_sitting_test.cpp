#include "worker/daemon/path_sitting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "worker/dispatch/dispatch.h"
#include "worker/measure/path_race.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

wire::Lease lease(const std::string& kind) {
  const Graph graph = parse_graph(
      "graph \"mlp\" {\n  input x: f32[N,16]\n  weight w1: f32[32,16]\n"
      "  weight w2: f32[16,32]\n  h = linear(x, w1)\n  a = relu(h)\n  y = linear(a, w2)\n"
      "  output out = y\n}\n",
      ops::all_ops());
  wire::Lease lease;
  lease.id = LeaseId::random();
  lease.task = TaskId::random();
  lease.campaign = CampaignId::random();
  lease.kind = kind;
  lease.graph = to_text(prepare(graph, ops::all_ops(), kernels::all_kernels()));
  lease.bindings = {{"N", 4}};
  lease.tolerance = 1e-3;
  lease.seconds_max = 0.02;
  lease.paths_max = 3;
  return lease;
}

const std::atomic<bool> goes_on = false;

TEST(PathSitting, StudiesWithWhatIsKnownAndRacesWhatItFound) {
  const wire::Lease first = lease("study");
  const wire::Result study = hold_path_sitting(first, goes_on);
  EXPECT_EQ(study.graph, first.graph);
  EXPECT_TRUE(study.roofline);
  // The graph as it stands, three others, and what runs unmeasured, with this roofline and with
  // none.
  ASSERT_THAT(study.paths, SizeIs(AllOf(Ge(4u), Le(6u))));
  std::set<PathId> ids;
  for (const wire::Contender& contender : study.paths) {
    EXPECT_EQ(parse_path(contender.text, ops::all_ops()).id(), contender.path);
    EXPECT_GT(contender.predicted_s, 0);
    ids.insert(contender.path);
  }
  EXPECT_THAT(ids, SizeIs(study.paths.size()));
  ASSERT_GE(study.measurements.size(), 3u);
  EXPECT_GE(study.workloads.size(), 3u);
  for (const Measurement& measurement : study.measurements) {
    EXPECT_EQ(measurement.campaign, first.campaign);
    EXPECT_EQ(measurement.lease, first.id);
    EXPECT_EQ(measurement.environment, study.environment.id());
  }

  // What is known is not measured again. (Times differ, so other paths may come up.)
  wire::Lease again = lease("study");
  again.known = study.measurements;
  again.workloads = study.workloads;
  again.roofline = study.roofline;
  const wire::Result second = hold_path_sitting(again, goes_on);
  std::set<std::pair<KernelId, WorkloadId>> known;
  for (const Measurement& measurement : study.measurements) {
    if (measurement.outcome != Outcome::polluted) {
      known.emplace(measurement.kernel, measurement.workload);
    }
  }
  for (const Measurement& measurement : second.measurements) {
    EXPECT_FALSE(known.contains({measurement.kernel, measurement.workload}));
  }

  wire::Lease race = lease("race");
  race.paths = study.paths;
  race.blocks = 5;
  const wire::Result raced = hold_path_sitting(race, goes_on);
  ASSERT_THAT(raced.path_measurements, SizeIs(study.paths.size()));
  EXPECT_THAT(raced.measurements, IsEmpty());
  for (std::size_t i = 0; i < study.paths.size(); ++i) {
    const PathMeasurement& row = raced.path_measurements[i];
    EXPECT_EQ(row.path, study.paths[i].path);
    EXPECT_EQ(row.predicted_s, study.paths[i].predicted_s);
    EXPECT_EQ(row.machine, probe_machine().id());
    EXPECT_EQ(row.environment, raced.environment.id());
    EXPECT_EQ(row.bindings, race.bindings);
    ASSERT_EQ(row.outcome, Outcome::ok) << row.reason;
    EXPECT_EQ(row.summary.blocks, 5);
    EXPECT_THAT(row.blocks, SizeIs(row.samples_s.size()));
    EXPECT_LT(row.error_relative, race.tolerance);
    EXPECT_EQ(row.method, path_method_reference);
  }
}

TEST(PathSitting, AStudyEndsWhenItIsInterrupted) {
  const std::atomic<bool> is_interrupted = true;
  try {
    hold_path_sitting(lease("study"), is_interrupted);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("interrupted: study of mlp"));
  }
}

TEST(PathSitting, RefusesARaceOfNothing) {
  EXPECT_THROW(hold_path_sitting(lease("race"), goes_on), Error);
}

}  // namespace
}  // namespace paceline
