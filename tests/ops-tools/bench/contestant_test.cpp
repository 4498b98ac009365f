#include "ops-tools/bench/contestant.h"

#include <gmock/gmock.h>

#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/support/scratch.h"

namespace paceline::bench {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ContestantTest : public ::testing::Test {
 protected:
  Contestant answering(const std::string& script, double answer_seconds_max = 60,
                       std::function<bool()> is_stopped = {}) {
    return Contestant(
        {.peer = "sh", .form = "", .command = {"/bin/sh", "-c", script}, .environment = {}},
        scratch_.path(), answer_seconds_max, std::move(is_stopped));
  }
  testing::Scratch scratch_;
};

TEST_F(ContestantTest, SaysWhatItIsAndAnswersEachRun) {
  Contestant contestant = answering(
      R"(echo '{"version": "2"}'; while read word count; do
           echo '{"seconds": {"run": [0.5, '$count']}}'; done)");

  EXPECT_EQ(contestant.ready()["version"], "2");
  EXPECT_THAT(contestant.run(3)->at("run"), ElementsAre(0.5, 3));
  EXPECT_THAT(contestant.run(4)->at("run"), ElementsAre(0.5, 4));
  EXPECT_FALSE(contestant.has_failed());
}

TEST_F(ContestantTest, FailsByItsOwnWord) {
  Contestant contestant = answering(R"(echo '{"error": "no such operator"}')");

  EXPECT_TRUE(contestant.has_failed());
  EXPECT_EQ(contestant.failure(), "no such operator");
  EXPECT_EQ(contestant.run(1), std::nullopt);
}

TEST_F(ContestantTest, DiesWithItsLastWords) {
  Contestant contestant = answering("echo first >&2; echo 'out of luck' >&2; exit 3");

  EXPECT_EQ(contestant.failure(), "died: exit 3: out of luck");
}

TEST_F(ContestantTest, DiesMidway) {
  Contestant contestant = answering("echo '{}'; read line; kill -KILL $$");

  EXPECT_FALSE(contestant.has_failed());
  EXPECT_EQ(contestant.run(1), std::nullopt);
  EXPECT_EQ(contestant.failure(), "died: killed by SIGKILL");
  EXPECT_EQ(contestant.run(1), std::nullopt);
}

TEST_F(ContestantTest, DiesBetweenRuns) {
  Contestant contestant = answering("echo '{}'; read line");
  ::kill(contestant.pid(), SIGKILL);

  EXPECT_EQ(contestant.run(1), std::nullopt);
  EXPECT_EQ(contestant.failure(), "died: killed by SIGKILL");
}

TEST_F(ContestantTest, HangsForSoLongAndNoLonger) {
  Contestant contestant = answering("echo '{}'; exec sleep 600", 0.2);

  EXPECT_EQ(contestant.run(1), std::nullopt);
  EXPECT_EQ(contestant.failure(), "gave no answer in 0.2 s");
}

TEST_F(ContestantTest, MayNotLiveOnWithoutOutput) {
  Contestant contestant = answering("exec >&-; exec sleep 600");

  EXPECT_EQ(contestant.failure(), "closed its standard output and lived on");
}

TEST_F(ContestantTest, IsNotWaitedForOnceStopped) {
  bool is_stopped = false;
  Contestant contestant =
      answering("echo '{}'; exec sleep 600", 600, [&is_stopped] { return is_stopped; });
  EXPECT_FALSE(contestant.has_failed());
  is_stopped = true;

  EXPECT_EQ(contestant.run(1), std::nullopt);
  EXPECT_EQ(contestant.failure(), "was stopped");
}

TEST_F(ContestantTest, MaySayItsErrorAsItLikes) {
  EXPECT_EQ(answering(R"(echo '{"error": {"code": 5}}')").failure(), R"({"code":5})");
}

TEST_F(ContestantTest, IsNotBelievedWithoutTimes) {
  EXPECT_THAT(answering("echo nonsense").failure(), HasSubstr("no JSON object: nonsense"));
  for (const char* answer :
       {R"({"seconds": {}})", R"({"seconds": {"run": []}})", R"({"seconds": {"run": [-1]}})",
        R"({"seconds": {"run": ["x"]}})", R"({"seconds": 5})", R"({"times": 5})"}) {
    Contestant contestant =
        answering(std::string("echo '{}'; read line; echo '") + answer + "'; read line");

    EXPECT_EQ(contestant.run(1), std::nullopt) << answer;
    EXPECT_THAT(contestant.failure(), HasSubstr("answered without times")) << answer;
  }
}

TEST_F(ContestantTest, MayBeMissing) {
  Contestant contestant(
      {.peer = "x", .form = "", .command = {"/no/such/program"}, .environment = {}},
      scratch_.path(), 1);

  EXPECT_THAT(contestant.failure(), HasSubstr("/no/such/program"));
}

}  // namespace
}  // namespace paceline::bench
