// A campaign over paths with a private fleet, from the spec to the run that takes what it found.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/random.h"
#include "common/base/time.h"
#include "tests/support/processes.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline::testing {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* graph_text = R"(graph "mlp" {
  input x: f32[N,64]
  weight w1: f32[256,64]
  weight w2: f32[64,256]
  h = linear(x, w1)
  a = gelu(h)
  y = linear(a, w2)
  output out = y
}
)";

class PathCampaign : public ::testing::Test {
 protected:
  PathCampaign() {
    // As root the database runs as another user.
    std::filesystem::permissions(scratch_.path(), std::filesystem::perms(0755));
    std::ofstream(scratch_ / "mlp.paceline") << graph_text;
    write_weights();
  }
  ~PathCampaign() override {
    paceline({"fleet", "down"});
    EXPECT_TRUE(
        eventually(10s, [this] { return processes_since(before_, scratch_.path()).empty(); }));
  }

  // As safetensors: the length of the header, the header, the numbers.
  void write_weights() {
    constexpr std::size_t count = 256 * 64;
    const json header = {
        {"w1", {{"dtype", "F32"}, {"shape", {256, 64}}, {"data_offsets", {0, 4 * count}}}},
        {"w2", {{"dtype", "F32"}, {"shape", {64, 256}}, {"data_offsets", {4 * count, 8 * count}}}}};
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    Random random(1);
    std::vector<float> values(2 * count);
    for (float& value : values) value = static_cast<float>(0.1 * random.normal());
    std::ofstream file(scratch_ / "mlp.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << text;
    file.write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
  }

  std::string spec(const std::string& more) {
    const auto file = scratch_ / "race.toml";
    std::ofstream(file) << "model = \"mlp.paceline\"\n"
                        << more << "[budget]\nsitting_seconds = 0.05\n";
    return file.string();
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

  // Its name, while one holds a sitting of which `what` is a part.
  std::string busy_worker(const std::string& what) {
    std::string name;
    eventually(60s, [&] {
      const json status = ask({"fleet", "status"});
      for (const json& worker : status["workers"]) {
        if (worker["workload"].get<std::string>().find(what) != std::string::npos) {
          name = worker["name"];
        }
      }
      return !name.empty();
    });
    return name;
  }

  pid_t pid_of(const std::string& name) {
    const json state = json::parse(read_text_file(scratch_ / "fleet" / "fleet.json"));
    for (const json& process : state["processes"]) {
      if (process["name"] == name) return process["pid"];
    }
    return -1;
  }

  void expect_refusal(const std::vector<std::string>& arguments, const std::string& message) {
    const Ended ended = paceline(arguments);
    EXPECT_EQ(ended.exit_code, 2) << ended.errors;
    EXPECT_EQ(ended.output, "");
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
    EXPECT_THAT(ended.errors, HasSubstr(message));
  }

  Scratch scratch_;
  const Processes before_ = running_processes(scratch_.path());
};

TEST_F(PathCampaign, RacesPathsAndTheNextRunTakesTheWinner) {
  ask({"fleet", "up", "--workers", "2"});
  const json campaign =
      ask({"campaign", "submit",
           spec("bind = [\"N=16\"]\nstrategy = \"race\"\npaths = 9\nrounds = 3\n"), "--wait"});
  EXPECT_EQ(campaign["state"], "done");
  ASSERT_EQ(campaign["lanes"].size(), 1u);
  EXPECT_EQ(campaign["lanes"][0]["total"], 4);  // Three workloads and the race.
  EXPECT_EQ(campaign["lanes"][0]["done"], 4);

  const json& paths = campaign["paths"];
  // The graph as it stands, nine others, what would run unmeasured, and up to four of them with
  // branches side by side, where a worker has threads for it.
  ASSERT_GE(paths.size(), 10u);
  ASSERT_LE(paths.size(), 16u);
  EXPECT_TRUE(paths[0]["standing"]);
  EXPECT_EQ(paths[0]["bindings"], (json{{"N", 16}}));
  int finalists = 0;
  std::set<std::string> ids;
  for (const json& path : paths) {
    ids.insert(path["path"]);
    EXPECT_GE(path["round"], 1) << path;
    EXPECT_GT(path["predicted_s"], 0) << path;
    ASSERT_EQ(path["outcome"], "ok") << path;
    EXPECT_GT(path["median_s"], 0) << path;
    EXPECT_LE(path["low_s"], path["high_s"]) << path;
    EXPECT_LT(path["error_relative"], 1e-4) << path;
    if (!path["standing"] && path["in"]) ++finalists;
  }
  EXPECT_EQ(ids.size(), paths.size());
  EXPECT_GE(finalists, 1);
  EXPECT_LE(finalists, 4);

  const std::string store = ask({"fleet", "status"})["store"];
  const json run =
      ask({"run", scratch_ / "mlp.paceline", "--bind", "N=16", "--random", "1", "--store", store});
  EXPECT_EQ(run["path"]["basis"], "raced");
  EXPECT_TRUE(ids.contains(run["path"]["id"].get<std::string>())) << run["path"];
  EXPECT_EQ(ask({"campaign", "report", campaign["id"]})["paths"], paths);
  // Another size was not raced.
  const json other =
      ask({"run", scratch_ / "mlp.paceline", "--bind", "N=4", "--random", "1", "--store", store});
  EXPECT_NE(other["path"]["basis"], "raced");
}

TEST_F(PathCampaign, LosesNothingWhenAWorkerIsKilledInItsStudy) {
  ask({"fleet", "up", "--workers", "2", "--lease-seconds", "3"});
  auto submitted =
      start({"campaign", "submit", spec("bind = [\"N=16\"]\nstrategy = \"race\"\npaths = 9\n"),
             "--wait", "--json"});
  const std::string victim = busy_worker("study of mlp N=16");
  ASSERT_FALSE(victim.empty());
  ASSERT_EQ(::kill(pid_of(victim), SIGKILL), 0);
  const Ended ended = submitted.wait();
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const json campaign = json::parse(ended.output);
  EXPECT_EQ(campaign["lanes"][0]["done"], campaign["lanes"][0]["total"]);
  // The nine, the graph as it stands, what up to two studies found to run where nothing was measured,
  // and up to four with branches side by side.
  EXPECT_GE(campaign["paths"].size(), 10u);
  EXPECT_LE(campaign["paths"].size(), 16u);
  const std::string store = ask({"fleet", "status"})["store"];
  const json epochs =
      ask({"store", "query", "select epoch from task where kind = 'study'", "--store", store});
  ASSERT_EQ(epochs.size(), 1u);
  EXPECT_GE(epochs[0]["epoch"], 2);
}

TEST_F(PathCampaign, RefusesWhatIsNoRaceInOneLine) {
  const std::vector<std::string> submit = {"campaign", "submit"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), submit.begin(), submit.end());
    return more;
  };
  expect_refusal(with({spec("bind = [\"N=16\"]\nstrategy = \"fast\"\n")}),
                 "strategy must be kernels or race");
  expect_refusal(with({spec("bind = [\"N=16\"]\nstrategy = \"race\"\npaths = 0\n")}),
                 "paths must be a whole number from 1 to 1024");
  expect_refusal(with({spec("bind = [\"N=16\"]\npaths = 4\n")}), "paths belongs to strategy");
  expect_refusal(with({spec("bind = [\"M=16\"]\nstrategy = \"race\"\n")}), "symbol is unbound");
  const std::string model = scratch_ / "mlp.paceline";
  expect_refusal(with({model, "--bind", "N=16", "--strategy", "fast"}), "--strategy");
  expect_refusal(with({model, "--bind", "N=16", "--strategy", "race", "--paths", "0"}), "--paths");
  expect_refusal(with({model, "--bind", "N=16", "--paths", "4"}), "--strategy race");
}

}  // namespace
}  // namespace paceline::testing
