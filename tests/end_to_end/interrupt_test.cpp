// Ctrl-C: the command ends at once with 130, as a shell tells it, and leaves nothing running.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "common/models/safetensors.h"
#include "tests/support/processes.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class Interrupt : public ::testing::Test {
 protected:
  ~Interrupt() override { EXPECT_TRUE(nothing_left()); }

  RunningProgram start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return RunningProgram(std::move(arguments), scratch_.path(), {{"PACELINE_STORE", ""}});
  }
  static std::string model() { return std::string(PACELINE_TEST_DATA) + "/models/qwen3"; }
  bool nothing_left() {
    return eventually(5s, [this] { return processes_since(before_, scratch_.path()).empty(); });
  }

  Scratch scratch_;
  const Processes before_ = running_processes(scratch_.path());
};

// Within a second, whatever it was doing.
void expect_interrupted(RunningProgram& program) {
  program.process().signal(SIGINT);
  EXPECT_TRUE(program.process().wait(1s));
  EXPECT_EQ(program.wait().exit_code, 130);
}

TEST_F(Interrupt, EndsARun) {
  auto run = start({"run", model(), "--bind", "B=1", "--bind", "N=64", "--random", "1", "--store",
                    "none", "--repeat", "1000000"});
  std::this_thread::sleep_for(500ms);
  expect_interrupted(run);
}

TEST_F(Interrupt, EndsAGenerationButKeepsTheTokensThatCame) {
  auto generation =
      start({"generate", model(), "--tokens", "1,2,3", "--max-new", "100000", "--store", "none"});
  ASSERT_TRUE(eventually(20s, [&] { return generation.output().size() > 20; }));
  generation.process().signal(SIGINT);
  const Ended ended = generation.wait();
  EXPECT_EQ(ended.exit_code, 130);
  EXPECT_THAT(ended.output, ::testing::MatchesRegex("[0-9]+(,[0-9]+)+,?"));
}

// What was measured before stays, and the store is not left locked.
TEST_F(Interrupt, EndsAMeasuringAndItsChild) {
  const std::string store = scratch_ / "store.sqlite";
  auto measuring = start({"measure", model(), "--bind", "B=1", "--bind", "N=16", "--regime", "hot",
                          "--sitting-seconds", "0.5", "--store", store});
  ASSERT_TRUE(
      eventually(60s, [&] { return measuring.errors().find("measured 2/") != std::string::npos; }));
  expect_interrupted(measuring);
  ASSERT_TRUE(nothing_left());

  const Ended count =
      start({"store", "query", "select count(distinct workload) as n from measurement", "--csv",
             "--store", store})
          .wait();
  ASSERT_EQ(count.exit_code, 0) << count.errors;
  EXPECT_GE(std::stoi(count.output.substr(count.output.find('\n') + 1)), 2);
}

}  // namespace
}  // namespace paceline::testing
