#include "scheduler/fleet/dispatcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/fleet.h"

namespace paceline::fleet {
namespace {

using namespace std::chrono_literals;
using paceline::testing::numbered_campaign;
using paceline::testing::numbered_path;
using paceline::testing::numbered_workload;
using paceline::testing::racing_campaign;
using paceline::testing::worker_class;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

WorkerId worker_id(int number) { return {Hasher("test-worker").add(number).finish()}; }

// A dispatcher with the loop around it: time, and answers to LoadKnown.
class Fleet : public ::testing::Test {
 protected:
  std::vector<Action> step(const Event& event) {
    std::vector<Action> done;
    for (Action& action : dispatcher_.step(now_, event)) {
      const auto* question = std::get_if<LoadKnown>(&action);
      if (question == nullptr) {
        done.push_back(std::move(action));
        continue;
      }
      for (Action& next : step(KnownLoaded{question->campaign, question->worker_class, known_})) {
        done.push_back(std::move(next));
      }
    }
    for (const Action& action : done) {
      if (const auto* saved = std::get_if<SaveCampaign>(&action)) campaign_ = saved->campaign;
      if (const auto* saved = std::get_if<SaveLane>(&action)) lane_ = saved->lane;
      if (const auto* saved = std::get_if<SaveTask>(&action)) task_ = saved->task;
    }
    return done;
  }

  template <typename Kind>
  std::vector<Kind> only(const std::vector<Action>& actions) {
    std::vector<Kind> found;
    for (const Action& action : actions) {
      if (const auto* kind = std::get_if<Kind>(&action)) found.push_back(*kind);
    }
    return found;
  }

  std::vector<Action> arrive(int worker, const std::string& host = "host",
                             const std::string& machine = "machine") {
    return step(WorkerArrived{worker_id(worker), "worker", host, worker_class(machine)});
  }
  std::vector<GrantLease> hear(int worker, std::vector<LeaseId> leases = {},
                               std::vector<LeaseId> released = {}) {
    return only<GrantLease>(
        step(WorkerHeard{worker_id(worker), ++stamp_, 1, std::move(leases), std::move(released)}));
  }
  std::vector<GrantLease> finish(int worker, const GrantLease& grant, std::uint32_t block = 0,
                                 std::vector<KernelId> polluted = {}, std::string failure = "") {
    return only<GrantLease>(
        step(SittingReturned{worker_id(worker), grant.task.id, grant.lease.id, block,
                             std::move(polluted), std::move(failure), 1.0}));
  }
  // Time passes in silence.
  std::vector<Action> wait(Duration duration) {
    now_ += duration;
    return step(Tick{});
  }

  Dispatcher dispatcher_{Policy{}};
  Time now_ = from_unix_ns(1'000'000'000'000);
  KnownTimings known_;
  std::int64_t stamp_ = 0;
  std::optional<Campaign> campaign_;
  std::optional<Lane> lane_;
  std::optional<Task> task_;
};

TEST_F(Fleet, GrantsATaskToAWorkerThatAsks) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto grants = hear(1);
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_EQ(grants[0].lease.worker, worker_id(1));
  EXPECT_EQ(grants[0].task.workload, numbered_workload(0).id());
  ASSERT_THAT(grants[0].task.sittings, SizeIs(1));
  EXPECT_THAT(grants[0].task.sittings[0].kernels, SizeIs(2));
  EXPECT_THAT(grants[0].task.sittings[0].regimes, ElementsAre(Regime::hot, Regime::cold));
}

TEST_F(Fleet, GrantsNothingToAWorkerWithoutCredit) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  EXPECT_THAT(only<GrantLease>(step(WorkerHeard{worker_id(1), 1, 0, {}, {}})), IsEmpty());
}

TEST_F(Fleet, CountsValidityFromTheHeartbeatThatAskedForIt) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  stamp_ = 41;
  EXPECT_EQ(hear(1).at(0).sent_ns, 42);
}

TEST_F(Fleet, FinishesACampaignWhenEveryUnitHasItsResult) {
  step(CampaignSubmitted{numbered_campaign(2)});
  arrive(1);
  const auto first = hear(1);
  const auto second = finish(1, first.at(0));
  EXPECT_FALSE(campaign_->finished);
  finish(1, second.at(0));
  EXPECT_EQ(campaign_->state, CampaignState::done);
  EXPECT_TRUE(campaign_->finished);
  EXPECT_EQ(lane_->done, 2);
}

TEST_F(Fleet, AcknowledgesAResultEvenWhenNobodyWaitsForIt) {
  arrive(1);
  const auto actions =
      step(SittingReturned{worker_id(1), TaskId::random(), LeaseId::random(), 3, {}, "", 0});
  ASSERT_THAT(only<Acknowledge>(actions), SizeIs(1));
  EXPECT_EQ(only<Acknowledge>(actions)[0].block, 3u);
}

TEST_F(Fleet, LetsWorkersOfOneHostTakeTurns) {
  step(CampaignSubmitted{numbered_campaign(4)});
  arrive(1);
  arrive(2);
  const auto first = hear(1);
  EXPECT_THAT(hear(2), IsEmpty());
  const auto second = finish(1, first.at(0));
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(second[0].lease.worker, worker_id(2));
  EXPECT_EQ(finish(2, second[0]).at(0).lease.worker, worker_id(1));
}

TEST_F(Fleet, LetsWorkersOfTwoHostsWorkAtOnce) {
  step(CampaignSubmitted{numbered_campaign(2)});
  arrive(1, "one");
  arrive(2, "two");
  EXPECT_THAT(hear(1), SizeIs(1));
  EXPECT_THAT(hear(2), SizeIs(1));
}

TEST_F(Fleet, MeasuresEverythingOnEachOfTwoUnlikeMachines) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1, "one", "zen");
  arrive(2, "two", "lake");
  const auto on_zen = hear(1);
  const auto on_lake = hear(2);
  EXPECT_EQ(on_zen.at(0).task.workload, on_lake.at(0).task.workload);
  EXPECT_NE(on_zen.at(0).task.id, on_lake.at(0).task.id);
  finish(1, on_zen[0]);
  EXPECT_FALSE(campaign_->finished);
  finish(2, on_lake[0]);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(Fleet, TakesBackALeaseWhenTheWorkerFallsSilent) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto grant = hear(1).at(0);
  EXPECT_THAT(only<EndLease>(wait(11s)), IsEmpty());
  EXPECT_THAT(only<EndLease>(wait(1s)), SizeIs(1));
  arrive(2);
  const auto again = hear(2);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].task.id, grant.task.id);
  EXPECT_NE(again[0].lease.id, grant.lease.id);
  EXPECT_EQ(again[0].lease.epoch, 2u);
}

TEST_F(Fleet, KeepsALeaseAliveWhileItsWorkerSpeaks) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto grant = hear(1).at(0);
  for (int i = 0; i < 10; ++i) {
    hear(1, {grant.lease.id});
    EXPECT_THAT(only<EndLease>(wait(5s)), IsEmpty());
  }
}

TEST_F(Fleet, GivesUpATaskThatThreeWorkersDiedOf) {
  step(CampaignSubmitted{numbered_campaign(1)});
  for (int worker = 1; worker <= 3; ++worker) {
    arrive(worker);
    ASSERT_THAT(hear(worker), SizeIs(1));
    wait(12s);
  }
  EXPECT_EQ(task_->state, TaskState::failed);
  EXPECT_EQ(task_->reason, "worker fell silent: worker");
  EXPECT_EQ(lane_->failed, 1);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(Fleet, DoesNotBlameATaskForAWorkerThatWasOnlySilent) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  ASSERT_THAT(hear(1), SizeIs(1));
  wait(12s);
  EXPECT_EQ(task_->strikes, 1);
  hear(1);
  EXPECT_EQ(task_->strikes, 0);
}

TEST_F(Fleet, DoesNotBlameATaskWhoseLeaseGotLost) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  ASSERT_THAT(hear(1), SizeIs(1));
  now_ += 8s;
  EXPECT_THAT(hear(1), IsEmpty());
  wait(4s);
  EXPECT_EQ(task_->strikes, 0);
  EXPECT_EQ(task_->epoch, 2u);
}

TEST_F(Fleet, GivesUpATaskThatCannotBeHeldThreeTimes) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  auto grants = hear(1);
  for (int i = 0; i < 3; ++i) grants = finish(1, grants.at(0), 0, {}, "no such kernel");
  EXPECT_EQ(task_->state, TaskState::failed);
  EXPECT_EQ(task_->reason, "no such kernel");
}

TEST_F(Fleet, SkipsWhatIsKnown) {
  const auto members = worker_class("machine");
  for (const KernelInfo& kernel : members->kernels) {
    for (const Regime regime : {Regime::hot, Regime::cold}) {
      known_.insert(
          timing_key(kernel.id(), numbered_workload(0).id(), members->environment.id(), regime));
    }
  }
  known_.insert(timing_key(members->kernels[0].id(), numbered_workload(1).id(),
                           members->environment.id(), Regime::hot));
  step(CampaignSubmitted{numbered_campaign(2)});
  arrive(1);
  const auto grant = hear(1).at(0);
  EXPECT_EQ(lane_->known, 1);
  ASSERT_THAT(grant.task.sittings, SizeIs(2));
  EXPECT_THAT(grant.task.sittings[0].kernels, ElementsAre(members->kernels[1].id()));
  EXPECT_THAT(grant.task.sittings[1].kernels, SizeIs(2));
}

TEST_F(Fleet, SkipsWorkloadsThatNoKernelTakes) {
  Campaign campaign = numbered_campaign(1);
  Unit unit{numbered_workload(0), 0};
  unit.workload.op = "cumsum";
  campaign.units = std::make_shared<paceline::testing::ListedUnits>(std::vector<Unit>{unit});
  step(CampaignSubmitted{campaign});
  arrive(1);
  EXPECT_THAT(hear(1), IsEmpty());
  EXPECT_EQ(lane_->skipped, 1);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(Fleet, RepeatsPollutedMeasurementsAlone) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto first = hear(1).at(0);
  const KernelId polluted = first.task.sittings[0].kernels[1];
  const auto again = finish(1, first, 0, {polluted});
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_THAT(again[0].task.sittings[0].kernels, ElementsAre(polluted));
  finish(1, again[0]);
  EXPECT_EQ(lane_->done, 1);
}

TEST_F(Fleet, ADoubledResultChangesNothing) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto first = hear(1).at(0);
  const std::vector<KernelId> polluted = {first.task.sittings[0].kernels[1]};
  finish(1, first, 0, polluted);
  EXPECT_EQ(task_->sittings[0].attempts, 1);
  finish(1, first, 0, polluted);
  EXPECT_EQ(task_->sittings[0].attempts, 1);
  EXPECT_EQ(campaign_->spent_s, 1.0);
}

TEST_F(Fleet, ALateResultFinishesTheTaskAndRevokesTheNewerLease) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto first = hear(1).at(0);
  wait(12s);
  arrive(2);
  const auto second = hear(2).at(0);
  const auto actions =
      step(SittingReturned{worker_id(1), first.task.id, first.lease.id, 0, {}, "", 1});
  EXPECT_EQ(lane_->done, 1);
  ASSERT_THAT(only<RevokeLease>(actions), SizeIs(1));
  EXPECT_EQ(only<RevokeLease>(actions)[0].lease, second.lease.id);
}

TEST_F(Fleet, HoldsTheResourceUntilARevokedLeaseIsReleased) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  const auto grant = hear(1).at(0);
  step(CampaignCancelled{numbered_campaign(1).id});
  step(CampaignSubmitted{numbered_campaign(3)});
  EXPECT_THAT(hear(1, {}), IsEmpty());
  EXPECT_THAT(hear(1, {}, {grant.lease.id}), SizeIs(1));
}

TEST_F(Fleet, CancelsWhatHasNotBegun) {
  step(CampaignSubmitted{numbered_campaign(5)});
  arrive(1);
  hear(1);
  step(CampaignCancelled{numbered_campaign(5).id});
  EXPECT_EQ(campaign_->state, CampaignState::cancelled);
  EXPECT_TRUE(campaign_->finished);
  EXPECT_EQ(lane_->skipped, 5);
}

TEST_F(Fleet, GrantsNothingOfAPausedCampaign) {
  step(CampaignSubmitted{numbered_campaign(2)});
  step(CampaignPaused{numbered_campaign(2).id});
  arrive(1);
  EXPECT_THAT(hear(1), IsEmpty());
  EXPECT_THAT(only<GrantLease>(step(CampaignResumed{numbered_campaign(2).id})), SizeIs(1));
}

TEST_F(Fleet, StopsWhenTheBudgetIsSpent) {
  Campaign campaign = numbered_campaign(5);
  campaign.seconds_max = 2;
  step(CampaignSubmitted{campaign});
  arrive(1);
  const auto second = finish(1, hear(1).at(0));
  EXPECT_THAT(finish(1, second.at(0)), IsEmpty());
  EXPECT_EQ(campaign_->reason, "budget spent");
  EXPECT_EQ(lane_->done, 2);
  EXPECT_EQ(lane_->skipped, 3);
}

TEST_F(Fleet, GrantsByPriority) {
  step(CampaignSubmitted{numbered_campaign(2, 0)});
  step(CampaignSubmitted{numbered_campaign(2, 5)});
  arrive(1);
  EXPECT_EQ(hear(1).at(0).task.campaign, numbered_campaign(2, 5).id);
}

TEST_F(Fleet, SharesBetweenCampaignsOfOnePriority) {
  step(CampaignSubmitted{numbered_campaign(4)});
  step(CampaignSubmitted{numbered_campaign(6)});
  arrive(1);
  const auto first = hear(1);
  const auto second = finish(1, first.at(0));
  const auto third = finish(1, second.at(0));
  EXPECT_NE(first[0].task.campaign, second[0].task.campaign);
  EXPECT_EQ(first[0].task.campaign, third.at(0).task.campaign);
}

TEST_F(Fleet, ADrainingWorkerGetsNothingMore) {
  step(CampaignSubmitted{numbered_campaign(2)});
  arrive(1);
  const auto first = hear(1);
  EXPECT_THAT(only<DrainWorker>(step(WorkerDrained{worker_id(1)})), SizeIs(1));
  EXPECT_THAT(finish(1, first.at(0)), IsEmpty());
}

TEST_F(Fleet, AWorkerThatLeavesGivesItsLeaseBackAtOnce) {
  step(CampaignSubmitted{numbered_campaign(1)});
  arrive(1);
  arrive(2);
  hear(1);
  hear(2);
  const auto grants = only<GrantLease>(step(WorkerLeft{worker_id(1)}));
  ASSERT_THAT(grants, SizeIs(1));
  EXPECT_EQ(grants[0].lease.worker, worker_id(2));
  EXPECT_EQ(grants[0].task.strikes, 0);
}

class RacingFleet : public Fleet {
 protected:
  // Nine paths for round 1: three sittings of three.
  void SetUp() override {
    campaign_to_race_ = racing_campaign(1, 1, 9);
    step(CampaignSubmitted{campaign_to_race_});
    arrive(1, "one");
    arrive(2, "two");
  }

  std::vector<GrantLease> finish_study(int worker, const GrantLease& grant) {
    SittingReturned event{worker_id(worker), grant.task.id, grant.lease.id, 0, {}, "", 1.0};
    for (int i = 0; i <= 9; ++i) event.found.push_back({numbered_path(i), 1e-3});
    return only<GrantLease>(step(event));
  }
  // The higher its number, the faster a path.
  std::vector<GrantLease> finish_race(int worker, const GrantLease& grant) {
    SittingReturned event{worker_id(worker), grant.task.id, grant.lease.id, 0, {}, "", 1.0};
    for (const Contender& contender : grant.task.contenders) {
      for (int i = 0; i < 16; ++i) {
        if (contender.path == numbered_path(i))
          event.times.push_back({contender.path, true, 20. - i});
      }
    }
    return only<GrantLease>(step(event));
  }
  Campaign campaign_to_race_;
};

TEST_F(RacingFleet, StudiesAfterTheKernelsOfTheLaneAreMeasured) {
  const auto kernels = hear(1);
  EXPECT_EQ(kernels.at(0).task.kind, TaskKind::measure);
  EXPECT_THAT(hear(2), IsEmpty());
  const auto study = finish(1, kernels[0]);
  ASSERT_THAT(study, SizeIs(1));
  EXPECT_EQ(study[0].task.kind, TaskKind::study);
  EXPECT_EQ(study[0].task.raced->title(), "graph N=0");
  EXPECT_EQ(study[0].paths, 9);
  EXPECT_THAT(hear(2), IsEmpty());
}

TEST_F(RacingFleet, WorkersOfOneClassShareARound) {
  const auto kernels = hear(1);
  hear(2);
  const auto study = finish(1, kernels.at(0));
  const auto grants = finish_study(1, study.at(0));
  ASSERT_THAT(grants, SizeIs(2));
  EXPECT_NE(grants[0].lease.worker, grants[1].lease.worker);
  for (const GrantLease& grant : grants) {
    EXPECT_EQ(grant.task.kind, TaskKind::race);
    EXPECT_EQ(grant.task.round, 1);
    EXPECT_EQ(grant.blocks, RaceShape{}.blocks_first);
    EXPECT_THAT(grant.task.contenders, SizeIs(4));
    EXPECT_EQ(grant.task.contenders[0].path, numbered_path(0));
  }
}

TEST_F(RacingFleet, ASilentWorkersSittingIsHeldByAnother) {
  const auto kernels = hear(1);
  hear(2);
  const auto grants = finish_study(1, finish(1, kernels.at(0)).at(0));
  ASSERT_THAT(grants, SizeIs(2));
  // Worker 2 falls silent, worker 1 does all of it.
  const GrantLease& mine = grants[0].lease.worker == worker_id(1) ? grants[0] : grants[1];
  const GrantLease& lost = grants[0].lease.worker == worker_id(1) ? grants[1] : grants[0];
  auto next = finish_race(1, mine);
  std::set<TaskId> held;
  for (int i = 0; i < 60 && !campaign_->finished; ++i) {
    if (next.empty()) next = only<GrantLease>(wait(1s));
    if (next.empty()) next = hear(1);
    if (next.empty()) continue;
    const GrantLease grant = next[0];
    held.insert(grant.task.id);
    next = finish_race(1, grant);
  }
  EXPECT_TRUE(campaign_->finished);
  EXPECT_TRUE(held.contains(lost.task.id));
  EXPECT_EQ(lane_->done, 2);
  EXPECT_EQ(lane_->failed, 0);
}

TEST_F(RacingFleet, AStudyThatCannotBeHeldFailsTheRace) {
  auto grants = finish(1, hear(1).at(0));
  for (int i = 0; i < 3; ++i) grants = finish(1, grants.at(0), 0, {}, "no kernel");
  EXPECT_THAT(grants, IsEmpty());
  EXPECT_EQ(lane_->failed, 1);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(RacingFleet, ASittingThatCannotBeHeldTakesItsPathsOut) {
  std::vector<GrantLease> next = finish_study(1, finish(1, hear(1).at(0)).at(0));
  const TaskId bad = next.at(0).task.id;
  const std::vector<Contender> lost = next[0].task.contenders;
  while (!next.empty()) {
    const GrantLease grant = next[0];
    if (grant.task.round > 1) {
      for (std::size_t i = 1; i < lost.size(); ++i) {
        for (const Contender& contender : grant.task.contenders) {
          EXPECT_NE(contender.path, lost[i].path);
        }
      }
    }
    next = grant.task.id == bad ? finish(1, grant, 0, {}, "it crashes") : finish_race(1, grant);
  }
  EXPECT_EQ(lane_->done, 2);
  EXPECT_EQ(lane_->failed, 0);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(RacingFleet, CancellingTakesItsSittingsBack) {
  const auto grants = finish_study(1, finish(1, hear(1).at(0)).at(0));
  const auto actions = step(CampaignCancelled{campaign_to_race_.id});
  ASSERT_THAT(only<RevokeLease>(actions), SizeIs(1));
  EXPECT_EQ(only<RevokeLease>(actions)[0].lease, grants.at(0).lease.id);
  EXPECT_EQ(lane_->skipped, 1);
  EXPECT_TRUE(campaign_->finished);
}

TEST_F(Fleet, AsksAStrangerToIntroduceItself) {
  EXPECT_THAT(only<AskToIntroduce>(step(WorkerHeard{worker_id(9), 1, 1, {}, {}})), SizeIs(1));
}

TEST_F(Fleet, GoesOnFromWhatAnEarlierCoordinatorSaved) {
  step(CampaignSubmitted{numbered_campaign(2)});
  arrive(1);
  const auto grant = hear(1).at(0);
  Dispatcher next{Policy{}};
  next.restore(
      {.campaigns = {*campaign_}, .lanes = {*lane_}, .tasks = {*task_}, .leases = {grant.lease}},
      now_);
  dispatcher_ = std::move(next);
  arrive(1);
  EXPECT_THAT(hear(1, {grant.lease.id}), IsEmpty());
  const auto second = finish(1, grant);
  ASSERT_THAT(second, SizeIs(1));
  finish(1, second[0]);
  EXPECT_TRUE(campaign_->finished);
}

}  // namespace
}  // namespace paceline::fleet
