#include "common/store/store.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <cmath>
#include <limits>
#include <thread>

#include "common/base/error.h"
#include "common/store/rows.h"
#include "tests/common/store/homes.h"
#include "tests/common/store/nouns.h"

namespace paceline::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using StoreTest = OnBothHomes;
PACELINE_ON_BOTH_HOMES(StoreTest);

template <typename Work>
std::string message_of(ErrorKind kind, Work work) {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

void expect_equal(const Measurement& a, const Measurement& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.kernel, b.kernel);
  EXPECT_EQ(a.workload, b.workload);
  EXPECT_EQ(a.machine, b.machine);
  EXPECT_EQ(a.environment, b.environment);
  EXPECT_EQ(a.device, b.device);
  EXPECT_EQ(a.regime, b.regime);
  EXPECT_EQ(a.outcome, b.outcome);
  EXPECT_EQ(a.reason, b.reason);
  EXPECT_EQ(a.summary.median_s, b.summary.median_s);
  EXPECT_EQ(a.summary.low_s, b.summary.low_s);
  EXPECT_EQ(a.summary.high_s, b.summary.high_s);
  EXPECT_EQ(a.summary.minimum_s, b.summary.minimum_s);
  EXPECT_EQ(a.summary.samples, b.summary.samples);
  EXPECT_EQ(a.summary.blocks, b.summary.blocks);
  EXPECT_EQ(a.samples_s, b.samples_s);
  EXPECT_EQ(a.blocks, b.blocks);
  ASSERT_EQ(a.discarded.size(), b.discarded.size());
  for (std::size_t i = 0; i < a.discarded.size(); ++i) {
    EXPECT_EQ(a.discarded[i].seconds, b.discarded[i].seconds);
    EXPECT_EQ(a.discarded[i].block, b.discarded[i].block);
    EXPECT_EQ(a.discarded[i].cause, b.discarded[i].cause);
  }
  EXPECT_EQ(a.error_relative, b.error_relative);
  EXPECT_EQ(a.error_elementwise, b.error_elementwise);
  EXPECT_EQ(a.method, b.method);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.calls_per_sample, b.calls_per_sample);
  EXPECT_EQ(a.noise_floor, b.noise_floor);
  EXPECT_EQ(a.workspace_bytes, b.workspace_bytes);
  EXPECT_EQ(a.peak_resident_bytes, b.peak_resident_bytes);
  EXPECT_EQ(a.conditions.load_before, b.conditions.load_before);
  EXPECT_EQ(a.conditions.load_after, b.conditions.load_after);
  EXPECT_EQ(a.conditions.steal_fraction, b.conditions.steal_fraction);
  EXPECT_EQ(a.conditions.clock_mhz_before, b.conditions.clock_mhz_before);
  EXPECT_EQ(a.conditions.clock_mhz_after, b.conditions.clock_mhz_after);
  EXPECT_EQ(a.conditions.throttle, b.conditions.throttle);
  EXPECT_EQ(a.started, b.started);
  EXPECT_EQ(a.finished, b.finished);
  EXPECT_EQ(a.node, b.node);
  EXPECT_EQ(a.campaign, b.campaign);
  EXPECT_EQ(a.task, b.task);
  EXPECT_EQ(a.lease, b.lease);
}

Measurement with_every_field() {
  Measurement m = some_measurement(1.0 / 3);
  m.device = DeviceKind::cuda;
  m.regime = Regime::cold;
  m.reason = "quotes \" ' \\ and\ttabs, umlauts äöü";
  m.discarded = {
      {.seconds = 0.1, .block = 7, .cause = "steal"},
      {.seconds = std::numeric_limits<double>::infinity(), .block = 8, .cause = "clock"}};
  m.error_relative = 1e-7;
  m.error_elementwise = std::numeric_limits<double>::infinity();
  m.method = 3;
  m.seed = 0xfedcba9876543210;
  m.calls_per_sample = 12;
  m.noise_floor = 0.0123;
  m.workspace_bytes = std::int64_t{5} << 33;
  m.peak_resident_bytes = std::int64_t{7} << 33;
  m.conditions = {.load_before = 0.25,
                  .load_after = 0.5,
                  .steal_fraction = 0.001,
                  .clock_mhz_before = 3400.5,
                  .clock_mhz_after = std::nullopt,
                  .throttle = "thermal"};
  m.campaign = CampaignId::random();
  m.task = TaskId::random();
  m.lease = LeaseId::random();
  return m;
}

TEST_P(StoreTest, ReturnsEveryFieldOfAMeasurement) {
  put_identities(*store_);
  const Measurement measurement = with_every_field();
  put_one(*store_, measurement);

  const auto found = store_->find(measurement.id);

  ASSERT_TRUE(found);
  expect_equal(*found, measurement);
}

TEST_P(StoreTest, ReturnsEveryFieldOfAnIdentity) {
  put_identities(*store_);

  // A row is checked against its id, which is the digest of every field.
  EXPECT_EQ(store_->find(some_machine().id())->id(), some_machine().id());
  EXPECT_EQ(store_->find(some_environment().id())->id(), some_environment().id());
  EXPECT_EQ(store_->find(some_workload().id()), some_workload());
  const auto kernel = store_->find(some_kernel().id());
  EXPECT_EQ(kernel->id(), some_kernel().id());
  EXPECT_EQ(kernel->expected_efficiency, 0.6);
  EXPECT_FALSE(kernel->is_plain);
}

TEST_P(StoreTest, KeepsTheKindOfEveryAttribute) {
  Workload workload = some_workload();
  workload.attributes = {{"a", true},
                         {"b", std::int64_t{1}},
                         {"c", 1.0},
                         {"d", std::string("max")},
                         {"e", Dtype::bf16},
                         {"f", std::vector<std::int64_t>{0, 2, 1}},
                         {"g", Dim(1)},
                         {"h", Shape{Dim(2), Dim::symbol("N") * 3 + 1}},
                         {"i", -std::numeric_limits<double>::infinity()},
                         {"j", 1e-6}};
  store_->put(std::span(&workload, 1));

  EXPECT_EQ(store_->find(workload.id()), workload);
}

TEST_P(StoreTest, StoresAFailureWithoutASummary) {
  put_identities(*store_);
  Measurement crashed = some_measurement();
  crashed.outcome = Outcome::crashed;
  crashed.reason = std::string("killed by SIGSEGV\xff\xfe", 19);
  crashed.summary = {};
  crashed.samples_s.clear();
  crashed.blocks.clear();
  crashed.error_relative = std::numeric_limits<double>::quiet_NaN();
  put_one(*store_, crashed);

  const auto found = store_->find(crashed.id);
  EXPECT_EQ(found->outcome, Outcome::crashed);
  EXPECT_THAT(found->reason, ::testing::StartsWith("killed by SIGSEGV"));
  EXPECT_TRUE(std::isnan(found->error_relative));
  EXPECT_THAT(store_->query("select count(median_s) from measurement").rows,
              ElementsAre(ElementsAre("0")));
}

TEST_P(StoreTest, FindsNothingThatWasNotPut) {
  EXPECT_EQ(store_->find(MeasurementId::random()), std::nullopt);
  EXPECT_EQ(store_->find(WorkloadId::random()), std::nullopt);
  EXPECT_EQ(store_->roofline(some_machine().id(), 4), std::nullopt);
  EXPECT_THAT(store_->timings({.workloads = {some_workload().id()}}), IsEmpty());
  EXPECT_THAT(store_->timings({}), IsEmpty());
}

TEST_P(StoreTest, SkipsWhatItKnows) {
  put_identities(*store_);
  put_identities(*store_);
  const std::vector<Measurement> measurements = {some_measurement(), some_measurement()};

  EXPECT_EQ(store_->put(measurements), 2);
  EXPECT_EQ(store_->put(measurements), 0);

  const StoreCounts counts = store_->counts();
  EXPECT_EQ(counts.machines, 1);
  EXPECT_EQ(counts.environments, 1);
  EXPECT_EQ(counts.kernels, 1);
  EXPECT_EQ(counts.workloads, 1);
  EXPECT_EQ(counts.measurements, 2);
}

TEST_P(StoreTest, NeverOverwritesAMeasurement) {
  put_identities(*store_);
  Measurement measurement = some_measurement(1e-5);
  put_one(*store_, measurement);
  measurement.summary.median_s = 1e-9;
  put_one(*store_, measurement);

  EXPECT_EQ(store_->find(measurement.id)->summary.median_s, 1e-5);
}

TEST_P(StoreTest, StoresNothingOfABatchThatItRefuses) {
  put_identities(*store_);
  std::vector<Measurement> measurements = {some_measurement(), some_measurement()};
  measurements[1].kernel = KernelId::random();

  EXPECT_THAT(message_of(ErrorKind::invalid, [&] { store_->put(measurements); }),
              HasSubstr("kernel"));
  EXPECT_EQ(store_->counts().measurements, 0);
  EXPECT_EQ(put_one(*store_, measurements[0]), 1) << "and goes on";
}

TEST_P(StoreTest, RefusesSamplesWithoutBlocks) {
  put_identities(*store_);
  Measurement measurement = some_measurement();
  measurement.blocks.pop_back();

  EXPECT_THAT(message_of(ErrorKind::invalid, [&] { put_one(*store_, measurement); }),
              HasSubstr("3 samples, 2 blocks"));
}

TEST_P(StoreTest, AnswersTimingsNewestFirst) {
  put_identities(*store_);
  const Measurement old = some_measurement(1e-5, 1'000);
  const Measurement recent = some_measurement(2e-5);
  put_one(*store_, recent);
  put_one(*store_, old);

  const auto timings = store_->timings({.workloads = {some_workload().id()}});

  ASSERT_EQ(timings.size(), 2u);
  EXPECT_EQ(timings[0].measurement, recent.id);
  EXPECT_EQ(timings[1].measurement, old.id);
  EXPECT_EQ(timings[0].kernel_name, "softmax_rows");
  EXPECT_EQ(timings[0].summary.median_s, 2e-5);
  EXPECT_EQ(timings[0].summary.samples, 3);
  EXPECT_EQ(timings[0].finished, recent.finished);
}

TEST_P(StoreTest, AnswersTimingsOfWhatWasAskedOnly) {
  put_identities(*store_);
  const std::vector<Workload> others = {some_workload(41)};
  store_->put(others);
  Measurement cold = some_measurement();
  cold.regime = Regime::cold;
  Measurement other = some_measurement();
  other.workload = others[0].id();
  store_->put(std::vector<Measurement>{some_measurement(), cold, other});
  const auto count = [&](const TimingQuery& query) { return store_->timings(query).size(); };

  const WorkloadId id = some_workload().id();
  EXPECT_EQ(count({.workloads = {id}}), 2u);
  EXPECT_EQ(count({.workloads = {id, other.workload}}), 3u);
  EXPECT_EQ(count({.workloads = {id}, .regime = Regime::cold}), 1u);
  EXPECT_EQ(count({.workloads = {id}, .machine_model_key = some_machine().model_key()}), 2u);
  EXPECT_EQ(count({.workloads = {id}, .machine_model_key = "another"}), 0u);
}

TEST_P(StoreTest, AnswersTimingsOfAllWorkloadsOfAnOp) {
  put_identities(*store_);
  const std::vector<Workload> others = {some_workload(41)};
  store_->put(others);
  Measurement other = some_measurement();
  other.workload = others[0].id();
  store_->put(std::vector<Measurement>{some_measurement(), other});

  EXPECT_EQ(store_->timings({.ops = {"softmax"}}).size(), 2u);
  EXPECT_EQ(store_->timings({.workloads = {other.workload}, .ops = {"softmax"}}).size(), 2u);
  EXPECT_EQ(store_->timings({.workloads = {other.workload}, .ops = {"exp"}}).size(), 1u);
}

TEST_P(StoreTest, FindsManyWorkloadsAtOnce) {
  const std::vector<Workload> workloads = {some_workload(1), some_workload(2), some_workload(3)};
  store_->put(workloads);
  const std::vector<WorkloadId> ids = {workloads[2].id(), WorkloadId::random(), workloads[0].id()};

  EXPECT_THAT(store_->find(ids), ::testing::UnorderedElementsAre(workloads[0], workloads[2]));
}

TEST_P(StoreTest, AnswersTheNewestRoofline) {
  store_->put(some_machine());
  const Roofline old{.machine = some_machine().id(),
                     .threads = 4,
                     .flops_per_s = 1e11,
                     .bytes_per_s = 2e10,
                     .cache_bytes_per_s = 3e10,
                     .call_s = 1e-7,
                     .measured = from_unix_ns(1)};
  Roofline recent = old;
  recent.flops_per_s = 1.5e11;
  recent.measured = from_unix_ns(2);
  for (const Roofline& roofline : {recent, old, recent}) store_->put(roofline);

  EXPECT_EQ(store_->roofline(some_machine().id(), 4)->flops_per_s, 1.5e11);
  EXPECT_EQ(store_->roofline(some_machine().id(), 4)->call_s, 1e-7);
  EXPECT_EQ(store_->roofline(some_machine().id(), 8), std::nullopt);
}

TEST_P(StoreTest, KeepsTheRooflinesOfEachKindOfDevice) {
  store_->put(some_machine());
  Roofline roofline{.machine = some_machine().id(),
                    .threads = 1,
                    .flops_per_s = 1e11,
                    .bytes_per_s = 2e10,
                    .cache_bytes_per_s = 3e10,
                    .call_s = 1e-7,
                    .measured = from_unix_ns(1)};
  store_->put(roofline);
  EXPECT_EQ(store_->roofline(some_machine().id(), 1, DeviceKind::cuda), std::nullopt);
  roofline.device = DeviceKind::cuda;
  roofline.flops_per_s = 5e13;
  store_->put(roofline);

  EXPECT_EQ(store_->roofline(some_machine().id(), 1)->flops_per_s, 1e11);
  // A GPU's peaks are the same whatever the CPU's threads.
  for (const int threads : {1, 8}) {
    const auto known = store_->roofline(some_machine().id(), threads, DeviceKind::cuda);
    ASSERT_TRUE(known);
    EXPECT_EQ(known->device, DeviceKind::cuda);
    EXPECT_EQ(known->flops_per_s, 5e13);
  }
}

TEST_P(StoreTest, PrunesOldMeasurementsButKeepsTheNewestOfEach) {
  put_identities(*store_);
  Measurement cold = some_measurement(1e-5, 5'000);
  cold.regime = Regime::cold;
  const Measurement oldest = some_measurement(1e-5, 4'000);
  const Measurement middle = some_measurement(1e-5, 3'000);
  const Measurement recent = some_measurement(1e-5, 1'000);
  store_->put(std::vector<Measurement>{cold, oldest, middle, recent});

  EXPECT_EQ(store_->prune(middle.finished), 1);
  EXPECT_EQ(store_->prune(from_unix_ns(0)), 0);
  EXPECT_EQ(store_->prune(recent.finished + std::chrono::hours(1)), 1);

  EXPECT_TRUE(store_->find(cold.id));
  EXPECT_TRUE(store_->find(recent.id));
}

TEST_P(StoreTest, AnswersAQueryAsText) {
  put_identities(*store_);
  const auto table = store_->query("select name, null as absent, 1 + 1 as two from kernel;");

  EXPECT_THAT(table.columns, ElementsAre("name", "absent", "two"));
  EXPECT_FALSE(table.is_number[0]);
  EXPECT_TRUE(table.is_number[2]);
  EXPECT_THAT(table.rows, ElementsAre(ElementsAre("softmax_rows", "", "2")));
}

TEST_P(StoreTest, RefusesAQueryThatWritesOrIsNotOne) {
  put_identities(*store_);
  for (const char* sql :
       {"delete from kernel", "with gone as (delete from kernel returning 1) select * from gone",
        "drop table measurement", "select 1; delete from kernel", "commit", "begin",
        "pragma foreign_keys = off", "attach 'x' as y", "copy kernel to stdout", "vacuum",
        "select no_such_column from kernel", "selec 1", "", "-- nothing"}) {
    EXPECT_THAT(message_of(ErrorKind::invalid, [&] { store_->query(sql); }), HasSubstr("query"))
        << sql;
  }
  EXPECT_EQ(store_->counts().kernels, 1);
  EXPECT_EQ(put_one(*store_, some_measurement()), 1) << "the connection is sound";
}

TEST_P(StoreTest, MergesIntoEitherHomeAndASecondTimeChangesNothing) {
  put_identities(*store_);
  store_->put(Roofline{.machine = some_machine().id(), .flops_per_s = 1e11});
  std::vector<Measurement> measurements = {with_every_field()};
  for (int i = 0; i < 450; ++i) measurements.push_back(some_measurement(1e-5, i));
  store_->put(measurements);

  for (const char* home : {"sqlite", "postgresql"}) {
    const auto other = open_store(fresh_url(home), OpenMode::initialise);
    const StoreCounts first = merge(*store_, *other);
    EXPECT_EQ(first.measurements, 451) << home;
    EXPECT_EQ(first.machines, 1) << home;
    const StoreCounts second = merge(*store_, *other);
    EXPECT_EQ(second.measurements, 0) << home;
    EXPECT_EQ(second.machines + second.environments + second.kernels + second.workloads, 0) << home;
    EXPECT_EQ(merge(*other, *store_).measurements, 0) << home;
    expect_equal(*other->find(measurements[0].id), measurements[0]);
    EXPECT_TRUE(other->roofline(some_machine().id(), 1)) << home;
  }
}

TEST_P(StoreTest, TakesManyWritersOfTheSameRows) {
  put_identities(*store_);
  std::vector<Measurement> measurements;
  for (int i = 0; i < 200; ++i) measurements.push_back(some_measurement(1e-5, i));
  std::atomic<std::int64_t> added = 0;
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < 4; ++writer) {
      writers.emplace_back([&, writer] {
        const auto own = open_store(url_);
        for (std::size_t i = 0; i < measurements.size(); i += 10) {
          const std::size_t at = (i + writer * 50) % measurements.size();
          added += own->put(std::span(measurements).subspan(at, 10));
        }
      });
    }
  }
  EXPECT_EQ(added, 200);
  EXPECT_EQ(store_->counts().measurements, 200);
}

TEST_P(StoreTest, LeavesNothingOfAWriterThatIsKilled) {
  put_identities(*store_);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto database = open_database(url_);
    database->write([&] {
      const std::vector<store::SqlRow> rows = {
          store::RowOf<Measurement>::to_row(some_measurement())};
      database->insert(store::RowOf<Measurement>::table(), rows);
      ::kill(::getpid(), SIGKILL);
    });
  }
  int status = 0;
  ::waitpid(child, &status, 0);

  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(store_->counts().measurements, 0);
  EXPECT_EQ(put_one(*store_, some_measurement()), 1);
}

TEST_P(StoreTest, NoticesARowThatWasEdited) {
  put_identities(*store_);
  run_sql(url_, "update machine set cores = 9");

  EXPECT_THAT(message_of(ErrorKind::invalid, [&] { store_->find(some_machine().id()); }),
              HasSubstr("machine"));
}

TEST_P(StoreTest, KeepsPathsTimedWholeAndFindsThemByTheirGraph) {
  put_identities(*store_);
  const GraphText graph = some_graph_text();
  const PathText path = some_path_text();
  const PathMeasurement measurement = some_path_measurement();
  for (int twice = 0; twice < 2; ++twice) {
    store_->put(std::span(&graph, 1));
    store_->put(std::span(&path, 1));
    store_->put(std::span(&measurement, 1));
  }
  EXPECT_GT(store_->generation(measurement.machine, "another model"), 0);
  EXPECT_EQ(store_->generation(MachineId::random(), some_machine().model_key()), 0);
  put_one(*store_, some_measurement());
  EXPECT_GT(store_->generation(MachineId::random(), some_machine().model_key()), 0);

  const auto found =
      store_->path_measurements(graph.id, measurement.machine, measurement.environment);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, path.id);
  EXPECT_EQ(found[0].bindings, measurement.bindings);
  EXPECT_EQ(found[0].summary.median_s, measurement.summary.median_s);
  EXPECT_EQ(found[0].samples_s, measurement.samples_s);
  EXPECT_EQ(found[0].error_relative, measurement.error_relative);
  EXPECT_EQ(found[0].finished, measurement.finished);
  EXPECT_EQ(found[0].activation_bytes, measurement.activation_bytes);
  EXPECT_EQ(store_->find(path.id)->text, path.text);
  EXPECT_EQ(store_->counts().path_measurements, 1);
  EXPECT_THAT(
      store_->path_measurements(GraphId::random(), measurement.machine, measurement.environment),
      IsEmpty());
}

}  // namespace
}  // namespace paceline::testing
