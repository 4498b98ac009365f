#include "worker/daemon/duty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace paceline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t second = 1'000'000'000;

wire::Lease lease(const std::string& name, std::int64_t sent_ns, int sittings = 1) {
  wire::Lease lease;
  lease.id = {Hasher("test-lease").add(name).finish()};
  lease.task = {Hasher("test-task").add(name).finish()};
  lease.epoch = 3;
  lease.sent_ns = sent_ns;
  lease.valid_ms = 10'000;
  lease.workload = name;
  for (int i = 0; i < sittings; ++i) {
    lease.sittings.push_back({static_cast<std::uint32_t>(i), {Regime::hot}, {}});
  }
  return lease;
}

template <typename Kind>
std::vector<Kind> only(const std::vector<Duty::Action>& actions) {
  std::vector<Kind> found;
  for (const Duty::Action& action : actions) {
    if (const auto* kind = std::get_if<Kind>(&action)) found.push_back(*kind);
  }
  return found;
}

template <typename Kind>
std::vector<Kind> sent(const std::vector<Duty::Action>& actions) {
  std::vector<Kind> found;
  for (const auto& action : only<Duty::SendMessage>(actions)) {
    if (const auto* kind = std::get_if<Kind>(&action.message)) found.push_back(*kind);
  }
  return found;
}

TEST(Duty, SaysHelloAndThenAsksForWork) {
  Duty duty{wire::Hello{}};
  EXPECT_THAT(sent<wire::Hello>(duty.start(0)), SizeIs(1));
  const auto beats = sent<wire::Heartbeat>(duty.receive(5, wire::Welcome{1, "c", 1000}));
  ASSERT_THAT(beats, SizeIs(1));
  EXPECT_EQ(beats[0].credit, 1u);
  EXPECT_EQ(beats[0].sent_ns, 5);
}

TEST(Duty, RepeatsItsHelloUntilItIsWelcome) {
  Duty duty{wire::Hello{}};
  duty.start(0);
  EXPECT_THAT(sent<wire::Hello>(duty.tick(second)), SizeIs(1));
  duty.receive(second, wire::Welcome{1, "c", 1000});
  EXPECT_THAT(sent<wire::Hello>(duty.tick(2 * second)), IsEmpty());
}

TEST(Duty, IntroducesItselfToACoordinatorThatForgotIt) {
  Duty duty{wire::Hello{}};
  EXPECT_THAT(sent<wire::Hello>(duty.receive(0, wire::Introduce{})), SizeIs(1));
}

TEST(Duty, HoldsTheSittingsOfALeaseInOrder) {
  Duty duty{wire::Hello{}};
  const auto first = only<Duty::StartSitting>(duty.receive(second, lease("a", second, 2)));
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].sitting.block, 0u);
  const auto actions = duty.finish_sitting(2 * second, {});
  const auto kept = only<Duty::KeepResult>(actions);
  ASSERT_THAT(kept, SizeIs(1));
  EXPECT_EQ(kept[0].result.block, 0u);
  EXPECT_EQ(kept[0].result.epoch, 3u);
  EXPECT_EQ(kept[0].result.workload, "a");
  const auto next = only<Duty::StartSitting>(actions);
  ASSERT_THAT(next, SizeIs(1));
  EXPECT_EQ(next[0].sitting.block, 1u);
}

TEST(Duty, BeginsALeaseOnceHoweverOftenItComes) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second));
  EXPECT_THAT(only<Duty::StartSitting>(duty.receive(second, lease("a", second))), IsEmpty());
  duty.finish_sitting(2 * second, {});
  EXPECT_THAT(only<Duty::StartSitting>(duty.receive(2 * second, lease("a", second))), IsEmpty());
}

TEST(Duty, DoesNotBeginALeaseThatHasLapsed) {
  Duty duty{wire::Hello{}};
  EXPECT_THAT(only<Duty::StartSitting>(duty.receive(12 * second, lease("a", second))), IsEmpty());
}

TEST(Duty, HoldsNoFurtherSittingAfterItsLeaseLapsed) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second, 2));
  const auto actions = duty.finish_sitting(12 * second, {});
  EXPECT_THAT(only<Duty::KeepResult>(actions), SizeIs(1));
  EXPECT_THAT(only<Duty::StartSitting>(actions), IsEmpty());
}

TEST(Duty, ARenewalCountsFromTheHeartbeatItAnswers) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second));
  EXPECT_FALSE(duty.is_entitled(12 * second));
  duty.receive(9 * second, wire::Renewed{8 * second, 10'000, {lease("a", 0).id}});
  EXPECT_TRUE(duty.is_entitled(17 * second));
  EXPECT_FALSE(duty.is_entitled(18 * second));
}

TEST(Duty, ReleasesARevokedLeaseWhenItsSittingHasEnded) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second, 2));
  const auto while_measuring =
      sent<wire::Heartbeat>(duty.receive(2 * second, wire::Revoke{lease("a", 0).id}));
  ASSERT_THAT(while_measuring, SizeIs(1));
  EXPECT_THAT(while_measuring[0].released, IsEmpty());
  const auto actions = duty.finish_sitting(3 * second, {});
  EXPECT_THAT(only<Duty::StartSitting>(actions), IsEmpty());
  EXPECT_THAT(sent<wire::Heartbeat>(actions).at(0).released, ElementsAre(lease("a", 0).id));
}

TEST(Duty, InterruptsTheSittingOfARevokedLeaseAndKeepsNothingOfIt) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second, 2));
  EXPECT_THAT(
      only<Duty::InterruptSitting>(duty.receive(2 * second, wire::Revoke{lease("b", 0).id})),
      IsEmpty());
  EXPECT_THAT(
      only<Duty::InterruptSitting>(duty.receive(2 * second, wire::Revoke{lease("a", 0).id})),
      SizeIs(1));
  wire::Result interrupted;
  interrupted.failure = "interrupted";
  const auto actions = duty.finish_sitting(3 * second, interrupted);
  EXPECT_THAT(only<Duty::KeepResult>(actions), IsEmpty());
  EXPECT_THAT(sent<wire::Heartbeat>(actions).at(0).released, ElementsAre(lease("a", 0).id));
}

TEST(Duty, NeverBeginsALeaseThatWasRevokedBeforeItCame) {
  Duty duty{wire::Hello{}};
  const auto beats = sent<wire::Heartbeat>(duty.receive(second, wire::Revoke{lease("a", 0).id}));
  EXPECT_THAT(beats.at(0).released, ElementsAre(lease("a", 0).id));
  EXPECT_THAT(only<Duty::StartSitting>(duty.receive(second, lease("a", second))), IsEmpty());
}

TEST(Duty, FinishesTheSittingUnderWayBeforeItLeaves) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second, 2));
  EXPECT_THAT(only<Duty::Leave>(duty.drain(2 * second)), IsEmpty());
  const auto actions = duty.finish_sitting(3 * second, {});
  EXPECT_THAT(only<Duty::KeepResult>(actions), SizeIs(1));
  EXPECT_THAT(only<Duty::StartSitting>(actions), IsEmpty());
  EXPECT_THAT(sent<wire::Goodbye>(actions), SizeIs(1));
  EXPECT_THAT(only<Duty::Leave>(actions), SizeIs(1));
}

TEST(Duty, AnIdleWorkerLeavesAtOnce) {
  Duty duty{wire::Hello{}};
  EXPECT_THAT(only<Duty::Leave>(duty.receive(second, wire::Drain{})), SizeIs(1));
}

TEST(Duty, GivesUpTheOtherSittingsOfATaskThatFails) {
  Duty duty{wire::Hello{}};
  duty.receive(second, lease("a", second, 2));
  wire::Result failed;
  failed.failure = "no such kernel";
  EXPECT_THAT(only<Duty::StartSitting>(duty.finish_sitting(2 * second, failed)), IsEmpty());
}

TEST(Duty, SendsUnacknowledgedResultsAgainAfterEachWelcomeAndNowAndThen) {
  Duty duty{wire::Hello{}};
  EXPECT_THAT(only<Duty::ResendResults>(duty.receive(second, wire::Welcome{1, "c", 1000})),
              SizeIs(1));
  EXPECT_THAT(only<Duty::ResendResults>(duty.tick(5 * second)), IsEmpty());
  EXPECT_THAT(only<Duty::ResendResults>(duty.tick(7 * second)), SizeIs(1));
}

TEST(Duty, NoTwoHeartbeatsHaveTheSameStamp) {
  Duty duty{wire::Hello{}};
  const auto first = sent<wire::Heartbeat>(duty.receive(7, wire::Welcome{1, "c", 1000}));
  const auto second_beat = sent<wire::Heartbeat>(duty.receive(7, wire::Welcome{1, "c", 1000}));
  EXPECT_LT(first.at(0).sent_ns, second_beat.at(0).sent_ns);
}

}  // namespace
}  // namespace paceline
