#include "coordinator/store/fleet_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "common/store/store.h"
#include "tests/support/fleet.h"
#include "tests/support/fresh_postgres.h"
#include "tests/support/messages.h"

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

wire::Submit sample_submit() {
  return std::get<wire::Submit>(paceline::testing::sample_messages()[11]);
}

// A store with one campaign, and the nouns that a dispatcher would save for it.
class FleetTables : public ::testing::Test {
 protected:
  FleetTables() {
    open_store(url_, OpenMode::initialise);
    EXPECT_TRUE(store().add(submit_, now_));
    campaign_ = store().active_campaigns().at(0).campaign;
    lane_ = {.campaign = campaign_.id,
             .worker_class = {Digest::random()},
             .machine = "cpu",
             .environment = {Digest::random()},
             .total = 9,
             .cursor = 5,
             .done = 1,
             .known = 2,
             .skipped = 1,
             .failed = 0};
    task_ = {.id = TaskId::random(),
             .campaign = campaign_.id,
             .worker_class = lane_.worker_class,
             .unit = 4,
             .workload = {Digest::random()},
             .workload_text = "neg(f32[3]) -> f32[3]",
             .threads = 2,
             .sittings = {{.block = 0,
                           .regimes = {Regime::hot, Regime::cold},
                           .kernels = {{Digest::random()}},
                           .attempts = 1,
                           .counted = LeaseId::random(),
                           .done = true},
                          {.block = 1, .regimes = {Regime::cold}, .kernels = {{Digest::random()}}}},
             .state = fleet::TaskState::leased,
             .strikes = 1,
             .reason = "worker fell silent: w",
             .epoch = 2};
    lease_ = {.id = LeaseId::random(),
              .task = task_.id,
              .worker = WorkerId::random(),
              .worker_name = "w",
              .resource = "memory/1",
              .epoch = 2,
              .granted = now_,
              .expires = now_};
  }

  FleetStore& store() {
    if (!store_) store_.emplace(FleetStore::open(url_));
    return *store_;
  }
  void save_all() {
    store().save({fleet::SaveLane{lane_}, fleet::SaveTask{task_}, fleet::SaveLease{lease_}}, now_);
  }

  const std::string url_ = paceline::testing::fresh_postgres_url();
  std::optional<FleetStore> store_;
  const Time now_ = from_unix_ns(1'700'000'000'000'000'000);
  const wire::Submit submit_ = sample_submit();
  fleet::Campaign campaign_;
  fleet::Lane lane_;
  fleet::Task task_;
  fleet::Lease lease_;
};

TEST_F(FleetTables, GiveACampaignBackAsItWasSubmitted) {
  const auto campaigns = store().active_campaigns();
  ASSERT_THAT(campaigns, SizeIs(1));
  EXPECT_EQ(campaigns[0].graphs, submit_.graphs);
  EXPECT_EQ(campaigns[0].bindings, submit_.bindings);
  EXPECT_EQ(campaigns[0].threads, submit_.threads);
  EXPECT_EQ(campaigns[0].campaign.id, submit_.campaign);
  EXPECT_EQ(campaigns[0].campaign.regimes, submit_.regimes);
  EXPECT_EQ(campaigns[0].campaign.tolerance, submit_.tolerance);
  EXPECT_EQ(campaigns[0].campaign.priority, submit_.priority);
  EXPECT_EQ(campaigns[0].campaign.seconds_max, submit_.seconds_max);
  EXPECT_EQ(campaigns[0].campaign.submitted, now_);
  EXPECT_EQ(campaigns[0].campaign.state, fleet::CampaignState::running);
}

TEST_F(FleetTables, TakeACampaignOnce) { EXPECT_FALSE(store().add(submit_, now_)); }

TEST_F(FleetTables, GiveWorkBackAsItWasSaved) {
  save_all();
  const fleet::Memory memory = store().active_work();
  ASSERT_THAT(memory.lanes, SizeIs(1));
  EXPECT_EQ(memory.lanes[0].worker_class, lane_.worker_class);
  EXPECT_EQ(memory.lanes[0].cursor, 5);
  EXPECT_EQ(memory.lanes[0].known, 2);
  ASSERT_THAT(memory.tasks, SizeIs(1));
  const fleet::Task& task = memory.tasks[0];
  EXPECT_EQ(task.id, task_.id);
  EXPECT_EQ(task.workload_text, task_.workload_text);
  EXPECT_EQ(task.state, fleet::TaskState::leased);
  EXPECT_EQ(task.epoch, 2u);
  ASSERT_THAT(task.sittings, SizeIs(2));
  EXPECT_TRUE(task.sittings[0].done);
  EXPECT_EQ(task.sittings[0].regimes, task_.sittings[0].regimes);
  EXPECT_EQ(task.sittings[0].counted, task_.sittings[0].counted);
  EXPECT_EQ(task.sittings[1].kernels, task_.sittings[1].kernels);
  ASSERT_THAT(memory.leases, SizeIs(1));
  EXPECT_EQ(memory.leases[0].worker, lease_.worker);
  EXPECT_EQ(memory.leases[0].resource, "memory/1");
}

TEST_F(FleetTables, KeepTheNewestOfWhatOneBatchSavesTwice) {
  fleet::Task later = task_;
  later.state = fleet::TaskState::queued;
  store().save({fleet::SaveTask{task_}, fleet::SaveTask{later}}, now_);
  EXPECT_EQ(store().active_work().tasks.at(0).state, fleet::TaskState::queued);
}

TEST_F(FleetTables, ForgetEndedLeasesAndTasks) {
  save_all();
  task_.state = fleet::TaskState::done;
  store().save({fleet::SaveTask{task_}, fleet::EndLease{lease_.id, "done"}}, now_);
  EXPECT_THAT(store().active_work().tasks, IsEmpty());
  EXPECT_THAT(store().active_work().leases, IsEmpty());
}

TEST_F(FleetTables, ForgetAFinishedCampaignButShowIt) {
  save_all();
  campaign_.state = fleet::CampaignState::done;
  campaign_.reason = "budget spent";
  campaign_.finished = now_;
  store().save({fleet::SaveCampaign{campaign_}}, now_);
  EXPECT_THAT(store().active_campaigns(), IsEmpty());
  EXPECT_THAT(store().active_work().tasks, IsEmpty());
  const auto shown = store().status(campaign_.id);
  ASSERT_THAT(shown, SizeIs(1));
  EXPECT_EQ(shown[0].state, "done");
  EXPECT_EQ(shown[0].reason, "budget spent");
  EXPECT_EQ(shown[0].finished, now_);
}

TEST_F(FleetTables, ShowProgressAndFailures) {
  save_all();
  fleet::Task failed = task_;
  failed.id = TaskId::random();
  failed.state = fleet::TaskState::failed;
  failed.reason = "no such kernel";
  store().save({fleet::SaveTask{failed}}, now_);
  const auto shown = store().status(std::nullopt).at(0);
  ASSERT_THAT(shown.lanes, SizeIs(1));
  EXPECT_EQ(shown.lanes[0].total, 9);
  EXPECT_EQ(shown.lanes[0].leased, 1);
  ASSERT_THAT(shown.failures, SizeIs(1));
  EXPECT_EQ(shown.failures[0].reason, "no such kernel");
  EXPECT_THAT(store().classes_of(campaign_.id), ::testing::ElementsAre(lane_.worker_class));
}

// A race of three paths in its second round, as row and with what was measured of it.
class RaceTables : public FleetTables {
 protected:
  RaceTables() {
    race_.unit = 4;
    race_.raced = std::make_shared<const fleet::RacedGraph>(
        fleet::RacedGraph{graph_.id(), "mlp", to_text(graph_), {{"N", 4}}});
    race_.machine = machine_.id();
    race_.environment = environment_.id();
    race_.threads = 2;
    race_.state = fleet::RaceState::racing;
    race_.round = 2;
    race_.standing = {path(0), 1e-3};
    race_.runners = {{.contender = {path(1), 2e-3}, .round = 2, .ratio = 0.5},
                     {.contender = {path(2), 3e-3}, .round = 1, .ratio = {}, .is_in = false}};
    save_all();
    store().save({fleet::SaveRace{campaign_.id, lane_.worker_class, race_}}, now_);
  }

  static PathId path(int number) { return {Hasher("store-test").add(number).finish()}; }

  PathMeasurement measured(int number, double median_s, std::int64_t at_ns) const {
    PathMeasurement row;
    row.id = PathMeasurementId::random();
    row.path = path(number);
    row.machine = machine_.id();
    row.environment = environment_.id();
    row.bindings = {{"N", 4}};
    row.predicted_s = 1;
    row.summary = {median_s, 0.9 * median_s, 1.1 * median_s, 0.8 * median_s, 1, 1};
    row.samples_s = {median_s};
    row.blocks = {0};
    row.error_relative = 1e-7;
    row.finished = from_unix_ns(at_ns);
    return row;
  }

  const Graph graph_ = parse_graph(
      "graph \"mlp\" {\n  input x: f32[N]\n  y = neg(x)\n"
      "  output out = y\n}\n",
      ops::all_ops());
  const Machine machine_ = {.cpu_model = "cpu"};
  const Environment environment_ = {.os = "os", .threads = 2};
  fleet::Race race_;
};

TEST_F(RaceTables, GiveARaceBackAsItWasSaved) {
  const fleet::Memory memory = store().active_work();
  ASSERT_THAT(memory.races, SizeIs(1));
  EXPECT_EQ(memory.races[0].campaign, campaign_.id);
  EXPECT_EQ(memory.races[0].worker_class, lane_.worker_class);
  const fleet::Race& race = memory.races[0].race;
  EXPECT_EQ(race.unit, 4);
  EXPECT_EQ(race.machine, machine_.id());
  EXPECT_EQ(race.environment, environment_.id());
  EXPECT_EQ(race.threads, 2);
  EXPECT_EQ(race.state, fleet::RaceState::racing);
  EXPECT_EQ(race.round, 2);
  EXPECT_EQ(race.standing.path, path(0));
  ASSERT_THAT(race.runners, SizeIs(2));
  EXPECT_EQ(race.runners[0].contender.predicted_s, 2e-3);
  EXPECT_EQ(race.runners[0].ratio, 0.5);
  EXPECT_FALSE(race.runners[1].ratio);
  EXPECT_FALSE(race.runners[1].is_in);
}

TEST_F(RaceTables, GiveASittingOfARaceBackAsItWasSaved) {
  fleet::Task sitting = task_;
  sitting.id = TaskId::random();
  sitting.kind = fleet::TaskKind::race;
  sitting.round = 2;
  sitting.contenders = {{path(0), 1e-3}, {path(1), 2e-3}};
  store().save({fleet::SaveTask{sitting}}, now_);
  for (const fleet::Task& task : store().active_work().tasks) {
    if (task.id != sitting.id) continue;
    EXPECT_EQ(task.kind, fleet::TaskKind::race);
    EXPECT_EQ(task.round, 2);
    ASSERT_THAT(task.contenders, SizeIs(2));
    EXPECT_EQ(task.contenders[1].path, path(1));
    EXPECT_EQ(task.contenders[1].predicted_s, 2e-3);
    return;
  }
  FAIL() << "no such task";
}

TEST_F(RaceTables, ForgetARaceThatHasEndedButShowIt) {
  race_.state = fleet::RaceState::done;
  store().save({fleet::SaveRace{campaign_.id, lane_.worker_class, race_}}, now_);
  EXPECT_THAT(store().active_work().races, IsEmpty());
  EXPECT_THAT(store().status(campaign_.id).at(0).paths, SizeIs(3));
}

TEST_F(RaceTables, ShowEachPathByItsNewestMeasurement) {
  const auto timings = open_store(url_);
  timings->put(machine_);
  timings->put(environment_);
  const GraphText graph{graph_.id(), "mlp", to_text(graph_)};
  timings->put(std::span(&graph, 1));
  const PathText texts[] = {{path(0), graph.id, "a"}, {path(1), graph.id, "b"}};
  timings->put(std::span(texts));
  PathMeasurement elsewhere = measured(1, 9, 30);
  elsewhere.bindings = {{"N", 5}};
  const PathMeasurement rows[] = {measured(0, 4, 10), measured(1, 3, 10), measured(1, 2, 20),
                                  elsewhere};
  timings->put(std::span(rows));

  const auto paths = store().status(campaign_.id).at(0).paths;
  ASSERT_THAT(paths, SizeIs(3));
  EXPECT_TRUE(paths[0].is_standing);
  EXPECT_EQ(paths[0].graph, "mlp");
  EXPECT_EQ(paths[0].machine, "cpu");
  EXPECT_EQ(paths[0].bindings, (Bindings{{"N", 4}}));
  EXPECT_EQ(paths[0].threads, 2);
  EXPECT_EQ(paths[0].median_s, 4);
  EXPECT_EQ(paths[1].path, path(1));
  EXPECT_EQ(paths[1].round, 2);
  EXPECT_TRUE(paths[1].is_in);
  EXPECT_EQ(paths[1].outcome, "ok");
  EXPECT_EQ(paths[1].median_s, 2);
  EXPECT_EQ(paths[1].predicted_s, 2e-3);
  EXPECT_EQ(paths[1].error_relative, 1e-7);
  EXPECT_EQ(paths[2].path, path(2));
  EXPECT_FALSE(paths[2].is_in);
  EXPECT_EQ(paths[2].outcome, "");
  // The list of all campaigns goes without.
  EXPECT_THAT(store().status(std::nullopt).at(0).paths, IsEmpty());
}

TEST_F(FleetTables, KeepWhatARaceIs) {
  wire::Submit submit = sample_submit();
  submit.campaign = CampaignId::random();
  submit.strategy = "race";
  submit.paths = 16;
  submit.rounds = 3;
  submit.index_bound = 40;
  EXPECT_TRUE(store().add(submit, now_));
  for (const StoredCampaign& stored : store().active_campaigns()) {
    const bool is_race = stored.campaign.id == submit.campaign;
    EXPECT_EQ(stored.campaign.strategy, is_race ? fleet::Strategy::race : fleet::Strategy::kernels);
    EXPECT_EQ(stored.campaign.paths, is_race ? 16 : 0);
    EXPECT_EQ(stored.campaign.rounds, is_race ? 3 : 0);
    EXPECT_EQ(stored.campaign.index_bound, is_race ? 40 : 0);
  }
}

TEST_F(FleetTables, RememberWhoAskedForWhat) {
  store().audit({"operator", "campaign-submit", campaign_.id.to_string(), "it's \"so\""}, now_);
  store().audit({"operator", "worker-drain", lease_.worker.to_string(), ""}, now_);
  const auto table = open_store(url_)->query(
      "select at_ns, actor, action, subject, detail::text from audit order by id");
  EXPECT_THAT(table.rows,
              ElementsAre(ElementsAre("1700000000000000000", "operator", "campaign-submit",
                                      campaign_.id.to_string(), R"({"name": "it's \"so\""})"),
                          ElementsAre("1700000000000000000", "operator", "worker-drain",
                                      lease_.worker.to_string(), "{}")));
}

TEST(FleetStore, WantsPostgreSql) {
  try {
    FleetStore::open("/tmp/timings.sqlite");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("/tmp/timings.sqlite"));
  }
}

}  // namespace
}  // namespace paceline
