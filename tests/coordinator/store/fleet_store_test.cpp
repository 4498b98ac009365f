#include "coordinator/store/fleet_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
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
