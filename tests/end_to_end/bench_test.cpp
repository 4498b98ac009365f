// `paceline bench` against the runtimes that this machine has: nothing of them is imitated, so a
// test that needs one is skipped where it is missing.

#include <gmock/gmock.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "ops-tools/bench/peers.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class BenchTest : public ::testing::Test {
 protected:
  testing::RunningProgram start(std::vector<std::string> arguments,
                                std::map<std::string, std::string> environment = {}) {
    arguments.insert(arguments.begin(), {"paceline", "bench"});
    arguments.insert(arguments.end(), {"--store", "none", "--plan-cache", "none"});
    environment.emplace("PACELINE_STORE", "");
    return {std::move(arguments), scratch_.path(), std::move(environment)};
  }
  testing::Ended bench(std::vector<std::string> arguments,
                       std::map<std::string, std::string> environment = {}) {
    return start(std::move(arguments), std::move(environment)).wait();
  }
  void expect_refusal(const std::vector<std::string>& arguments, const std::string& message,
                      std::map<std::string, std::string> environment = {}) {
    const testing::Ended ended = bench(arguments, std::move(environment));
    EXPECT_EQ(ended.exit_code, 2) << ended.errors;
    EXPECT_EQ(ended.output, "");
    EXPECT_THAT(ended.errors, HasSubstr(message));
  }

  // Why the peer cannot take part here; empty when it can.
  std::string missing(const std::string& peer) const {
    const bench::Task task{.model = model_};
    return bench::find_peer(peer, task, scratch_.path()).missing;
  }

  testing::Scratch scratch_;
  const std::string model_ = std::string(PACELINE_TEST_DATA) + "/bench/bench-block.onnx";
};

TEST_F(BenchTest, RefusesAPeerThatNobodyKnows) {
  expect_refusal({model_, "--against", "ort,tensorflow"},
                 "--against takes ort, torch, llama: tensorflow");
}

TEST_F(BenchTest, RefusesMoreThreadsThanCpus) {
  expect_refusal({model_, "--threads", "4000"}, "4000");
}

TEST_F(BenchTest, SaysWhatToInstallWhereNoPeerIs) {
  const std::string nothing = scratch_.path();
  expect_refusal({model_, "--against", "torch"}, "PACELINE_BENCH_PYTHON",
                 {{"PATH", nothing}, {"PACELINE_BENCH_PYTHON", nothing + "/python3"}});
}

TEST_F(BenchTest, RefusesAPeerThatReadsOtherFiles) {
  expect_refusal({model_, "--against", "llama"}, "it reads .gguf files");
}

TEST_F(BenchTest, TimesPeersThatGiveTheSameAnswer) {
  std::vector<std::string> peers;
  for (const char* peer : {"ort", "torch"}) {
    if (missing(peer).empty()) peers.push_back(peer);
  }
  if (peers.empty()) GTEST_SKIP() << missing("ort") << "; " << missing("torch");
  const std::string against = peers.size() == 2 ? "ort,torch" : peers.front();

  const testing::Ended ended =
      bench({model_, "--against", against, "--rounds", "3", "--turn-seconds", "0.005", "--json"});

  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto said = nlohmann::json::parse(ended.output);
  ASSERT_THAT(said["rows"], SizeIs(1 + peers.size()));
  EXPECT_EQ(said["rows"][0]["peer"], "paceline");
  EXPECT_GT(said["roofline_s"], 0);
  for (const auto& row : said["rows"]) {
    EXPECT_FALSE(row.contains("failure")) << row;
    EXPECT_NE(row["version"], "");
    EXPECT_NE(row["settings"], "");
    const auto& run = row["phases"]["run"];
    EXPECT_THAT(run["rounds_s"], SizeIs(3));
    EXPECT_GT(run["low_s"], 0);
    EXPECT_LE(run["low_s"], run["median_s"]);
    EXPECT_LE(run["median_s"], run["high_s"]);
    EXPECT_GT(run["roofline_fraction"], 0);
    EXPECT_GE(row["activation_bytes"], 0);
    if (row["peer"] == "paceline") continue;
    EXPECT_FALSE(row["difference"]["is_another_answer"]) << row;
    EXPECT_LT(row["difference"]["relative"], 1e-4);
    EXPECT_GT(run["ratio_low"], 0);
    EXPECT_LE(run["ratio_low"], run["ratio_high"]);
  }
}

TEST_F(BenchTest, PrintsATableForPeople) {
  if (!missing("ort").empty()) GTEST_SKIP() << missing("ort");

  const testing::Ended ended =
      bench({model_, "--against", "ort", "--rounds", "3", "--turn-seconds", "0.005"});

  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("runtime"));
  EXPECT_THAT(ended.output, HasSubstr("ONNX Runtime 1."));
  EXPECT_THAT(ended.output, HasSubstr("graph optimisation"));
}

// Children of a process whose command line holds `word`.
std::vector<pid_t> children_with(pid_t parent, const std::string& word) {
  std::vector<pid_t> found;
  const auto folder = std::filesystem::path("/proc") / std::to_string(parent) / "task" /
                      std::to_string(parent) / "children";
  std::ifstream children(folder);
  for (pid_t child = 0; children >> child;) {
    std::ifstream file("/proc/" + std::to_string(child) + "/cmdline");
    const std::string line{std::istreambuf_iterator<char>(file), {}};
    if (line.find(word) != std::string::npos) found.push_back(child);
  }
  return found;
}

TEST_F(BenchTest, ReportsAPeerThatIsKilledMidway) {
  if (!missing("torch").empty()) GTEST_SKIP() << missing("torch");
  auto running =
      start({model_, "--against", "torch", "--rounds", "150", "--turn-seconds", "0.01", "--json"});
  // When one form is left, the screening is over.
  std::vector<pid_t> children;
  const auto deadline = std::chrono::steady_clock::now() + 120s;
  bool were_two = false;
  while (std::chrono::steady_clock::now() < deadline && running.process().is_running()) {
    children = children_with(running.process().pid(), "torch_peer.py");
    were_two = were_two || children.size() == 2;
    if (were_two && children.size() == 1) break;
    std::this_thread::sleep_for(10ms);
  }
  ASSERT_THAT(children, SizeIs(1)) << running.errors();
  std::this_thread::sleep_for(300ms);
  ::kill(children.front(), SIGKILL);

  const testing::Ended ended = running.wait();

  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto said = nlohmann::json::parse(ended.output);
  EXPECT_FALSE(said["rows"][0].contains("failure"));
  EXPECT_THAT(said["rows"][1]["failure"].get<std::string>(), HasSubstr("killed by SIGKILL"));
  EXPECT_LT(said["rows"][1]["phases"]["run"]["rounds_s"].size(), 150);
}

TEST_F(BenchTest, EndsAndCleansUpWhenInterrupted) {
  if (!missing("ort").empty()) GTEST_SKIP() << missing("ort");
  const auto temporary = scratch_ / "temporary";
  std::filesystem::create_directory(temporary);
  auto running = start({model_, "--against", "ort", "--rounds", "100000", "--turn-seconds", "0.01"},
                       {{"TMPDIR", temporary.string()}});
  const auto deadline = std::chrono::steady_clock::now() + 120s;
  while (children_with(running.process().pid(), "--contestant").size() < 2 &&
         std::chrono::steady_clock::now() < deadline && running.process().is_running()) {
    std::this_thread::sleep_for(10ms);
  }
  running.process().signal(SIGINT);

  EXPECT_EQ(running.wait().exit_code, 130) << running.errors();
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

TEST_F(BenchTest, LeavesNoFilesBehind) {
  if (!missing("ort").empty()) GTEST_SKIP() << missing("ort");
  const auto temporary = scratch_ / "temporary";
  std::filesystem::create_directory(temporary);

  const testing::Ended ended =
      bench({model_, "--against", "ort", "--rounds", "1", "--turn-seconds", "0.001"},
            {{"TMPDIR", temporary.string()}});

  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_TRUE(std::filesystem::is_empty(temporary));
}

}  // namespace
}  // namespace paceline
