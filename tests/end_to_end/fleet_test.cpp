#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/time.h"
#include "tests/support/processes.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

// A private fleet in a folder of its own, taken down at the end of the test.
class PrivateFleet : public ::testing::Test {
 protected:
  PrivateFleet() {
    // As root the database runs as another user.
    std::filesystem::permissions(scratch_.path(), std::filesystem::perms(0755));
    write_spec();
  }
  ~PrivateFleet() override {
    paceline({"fleet", "down"});
    EXPECT_TRUE(is_gone()) << ::testing::PrintToString(left_running());
  }

  RunningProgram start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return RunningProgram(
        std::move(arguments), scratch_.path(),
        {{"PACELINE_FLEET_FOLDER", (scratch_ / "fleet").string()}, {"PACELINE_STORE", ""}});
  }
  Ended paceline(std::vector<std::string> arguments) { return start(std::move(arguments)).wait(); }
  json ask(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const Ended ended = paceline(std::move(arguments));
    EXPECT_EQ(ended.exit_code, 0) << ended.errors;
    return ended.exit_code == 0 ? json::parse(ended.output) : json();
  }

  json query(const std::string& sql) {
    return ask({"store", "query", sql, "--store", ask({"fleet", "status"})["store"]});
  }

  void write_spec(double sitting_seconds = 0.2) {
    const auto model = std::filesystem::path(PACELINE_TEST_DATA) / "models" / "gpt2";
    std::ofstream(scratch_ / "campaign.toml")
        << "name = \"test\"\n"
        << "model = \"" << model.string() << "\"\n"
        << "bind = [\"B=1,N=8\", {B = 1, N = 1}]\n"
        << fmt::format("[budget]\nsitting_seconds = {}\n", sitting_seconds);
  }

  // What was not running before the test.
  Processes left_running() { return processes_since(before_, scratch_.path()); }
  bool is_gone() {
    return eventually(10s, [this] { return left_running().empty(); });
  }

  bool has_measured(std::int64_t count) {
    return eventually(120s, [&] {
      const json campaigns = ask({"campaign", "list"});
      return !campaigns.empty() && !campaigns[0]["lanes"].empty() &&
             campaigns[0]["lanes"][0]["done"] >= count;
    });
  }

  pid_t pid_of(const std::string& name) {
    if (!std::filesystem::exists(scratch_ / "fleet" / "fleet.json")) return -1;
    const json state = json::parse(read_text_file(scratch_ / "fleet" / "fleet.json"));
    for (const json& process : state["processes"]) {
      if (process["name"] == name) return process["pid"];
    }
    return -1;
  }

  std::string busy_worker() {
    std::string name;
    eventually(30s, [&] {
      const json status = ask({"fleet", "status"});
      for (const json& worker : status["workers"]) {
        if (worker["state"] == "measuring") name = worker["name"];
      }
      return !name.empty();
    });
    return name;
  }

  // The campaign's end as `submit --wait --json` told it: every workload measured, none lost.
  void expect_complete(RunningProgram& submitted) {
    const Ended ended = submitted.wait();
    ASSERT_EQ(ended.exit_code, 0) << ended.errors;
    const json campaign = json::parse(ended.output);
    EXPECT_EQ(campaign["state"], "done");
    ASSERT_EQ(campaign["lanes"].size(), 1u);
    const json& lane = campaign["lanes"][0];
    EXPECT_GT(lane["total"], 10);
    EXPECT_EQ(lane["done"], lane["total"]);
    const json report = ask({"campaign", "report", campaign["id"]});
    EXPECT_GE(report["best"].size(), 2 * lane["total"].get<std::size_t>());
  }

  // A run by the fleet's store rests on measurements alone.
  void expect_run_by_measurements() {
    const std::string model = std::string(PACELINE_TEST_DATA) + "/models/gpt2";
    const std::string store = ask({"fleet", "status"})["store"];
    const json run =
        ask({"run", model, "--bind", "B=1", "--bind", "N=8", "--random", "1", "--store", store});
    EXPECT_GT(run["choices"]["nodes"], 10);
    EXPECT_EQ(run["choices"]["measured"], run["choices"]["nodes"]);
    const Ended rows = paceline(
        {"store", "query", "select count(*) as rows from measurement", "--csv", "--store", store});
    EXPECT_GT(std::stoi(rows.output.substr(rows.output.find('\n') + 1)), 50);
  }

  Scratch scratch_;
  const Processes before_ = running_processes(scratch_.path());
};

TEST_F(PrivateFleet, CompletesACampaignWhenAWorkerIsKilledMidway) {
  ask({"fleet", "up", "--lease-seconds", "3"});
  auto submitted =
      start({"campaign", "submit", (scratch_ / "campaign.toml").string(), "--wait", "--json"});
  ASSERT_TRUE(has_measured(2));
  const std::string victim = busy_worker();
  ASSERT_FALSE(victim.empty());
  ASSERT_EQ(::kill(pid_of(victim), SIGKILL), 0);
  expect_complete(submitted);
  expect_run_by_measurements();
}

TEST_F(PrivateFleet, CompletesACampaignWhenTheCoordinatorIsKilledMidway) {
  ask({"fleet", "up"});
  auto submitted =
      start({"campaign", "submit", (scratch_ / "campaign.toml").string(), "--wait", "--json"});
  ASSERT_TRUE(has_measured(2));
  const pid_t before = pid_of("coordinator");
  ASSERT_EQ(::kill(before, SIGKILL), 0);
  std::this_thread::sleep_for(1s);
  ask({"fleet", "up"});
  EXPECT_NE(pid_of("coordinator"), before);
  expect_complete(submitted);
}

TEST_F(PrivateFleet, MeasuresNothingTwice) {
  ask({"fleet", "up"});
  const std::vector<std::string> submit = {"campaign", "submit",
                                           (scratch_ / "campaign.toml").string(), "--wait"};
  ask(submit);
  const json again = ask(submit);
  EXPECT_EQ(again["lanes"][0]["known"], again["lanes"][0]["total"]);
  EXPECT_EQ(again["spent_s"], 0);
}

TEST_F(PrivateFleet, GoesOnWithACampaignThatNobodyWatchesAnyMore) {
  ask({"fleet", "up", "--workers", "1"});
  auto watched =
      start({"campaign", "submit", (scratch_ / "campaign.toml").string(), "--wait", "--json"});
  ASSERT_TRUE(has_measured(1));
  watched.process().signal(SIGINT);
  const Ended ended = watched.wait();
  EXPECT_EQ(ended.exit_code, 130);
  EXPECT_EQ(ended.output, "");
  EXPECT_THAT(ended.errors, HasSubstr("the campaign goes on"));

  const std::string id = ask({"campaign", "list"})[0]["id"];
  auto again = start({"campaign", "watch", id.substr(0, 6), "--json"});
  expect_complete(again);
  // Whoever plans for this machine elsewhere finds what it can do at best.
  const json rooflines = query("select threads, flops_per_s from roofline");
  ASSERT_EQ(rooflines.size(), 1u);
  EXPECT_EQ(rooflines[0]["threads"], 1);
  EXPECT_GT(rooflines[0]["flops_per_s"], 1e8);
}

TEST_F(PrivateFleet, KnowsACampaignByTheBeginningOfItsId) {
  ask({"fleet", "up", "--workers", "1"});
  const std::string id = ask({"campaign", "submit", scratch_ / "campaign.toml"})["id"];
  const std::string prefix = id.substr(0, 5);
  EXPECT_EQ(ask({"campaign", "show", prefix})["id"], id);
  EXPECT_EQ(ask({"campaign", "pause", prefix})["state"], "paused");
  EXPECT_EQ(ask({"campaign", "resume", prefix})["state"], "running");
  EXPECT_EQ(ask({"campaign", "cancel", prefix})["state"], "cancelled");
  EXPECT_EQ(ask({"campaign", "report", prefix})["id"], id);

  const json audit = query("select action, subject from audit order by id");
  ASSERT_EQ(audit.size(), 4u);
  EXPECT_EQ(audit[0]["action"], "campaign-submit");
  EXPECT_EQ(audit[1]["action"], "campaign-pause");
  EXPECT_EQ(audit[3]["action"], "campaign-cancel");
  EXPECT_EQ(audit[3]["subject"], id);

  const std::string other = id[0] == '0' ? "1" : "0";
  const Ended none = paceline({"campaign", "show", other});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr(id.substr(0, 12)));
}

TEST_F(PrivateFleet, EndsTheSittingUnderWayWhenItsCampaignIsCancelled) {
  ask({"fleet", "up", "--workers", "1"});
  write_spec(/*sitting_seconds=*/60);
  const std::string id = ask({"campaign", "submit", scratch_ / "campaign.toml"})["id"];
  ASSERT_EQ(busy_worker(), "worker-1");
  const json cancelled = ask({"campaign", "cancel", id});
  EXPECT_EQ(cancelled["state"], "cancelled");
  const auto log = scratch_ / "fleet" / "logs" / "worker-1.log";
  EXPECT_TRUE(eventually(5s, [&] {
    const std::string said = read_text_file(log);
    return said.find("sitting-interrupted") != std::string::npos &&
           said.find("sitting-failed") != std::string::npos;
  })) << read_text_file(log);
  EXPECT_EQ(ask({"campaign", "show", id})["lanes"][0]["failed"], 0);
  EXPECT_TRUE(query("select id from measurement").empty());
}

TEST_F(PrivateFleet, InterruptedWhileItStartsLeavesNothingBehind) {
  auto fleet = start({"fleet", "up"});
  ASSERT_TRUE(eventually(30s, [&] { return pid_of("worker-1") > 0; }));
  fleet.process().signal(SIGINT);
  EXPECT_EQ(fleet.wait().exit_code, 130);
  EXPECT_TRUE(is_gone()) << ::testing::PrintToString(left_running());
}

TEST_F(PrivateFleet, InTheForegroundLeavesNothingBehindEvenWhenKilled) {
  auto fleet = start({"fleet", "up", "--foreground"});
  ASSERT_TRUE(
      eventually(60s, [&] { return fleet.output().find("fleet is up") != std::string::npos; }));
  fleet.process().signal(SIGKILL);
  fleet.wait();
  EXPECT_TRUE(is_gone()) << ::testing::PrintToString(left_running());
}

TEST_F(PrivateFleet, GoesDownAndComesUpAgainWithItsData) {
  const json first = ask({"fleet", "up", "--workers", "1"});
  ask({"fleet", "down"});
  EXPECT_TRUE(is_gone()) << ::testing::PrintToString(left_running());
  EXPECT_EQ(ask({"fleet", "down"})["stopped"], 0);
  EXPECT_EQ(ask({"fleet", "up", "--workers", "1"})["store"], first["store"]);
}

TEST_F(PrivateFleet, SaysInOneLineWhatIsMissing) {
  const Ended none = paceline({"campaign", "list"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_THAT(none.errors, HasSubstr("run `paceline fleet up`"));
  EXPECT_EQ(std::count(none.errors.begin(), none.errors.end(), '\n'), 1);

  std::ofstream(scratch_ / "bad.toml") << "model = \"x\"\nbind = [\"N=1\"]\nregime = \"hot\"\n";
  const Ended unknown = paceline({"campaign", "submit", (scratch_ / "bad.toml").string()});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("unknown key regime"));
  EXPECT_THAT(unknown.errors, HasSubstr("bad.toml:3"));
}

}  // namespace
}  // namespace paceline::testing
