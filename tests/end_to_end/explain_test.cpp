// `paceline explain`: what it says in text, as JSON and as a page agrees, and rests on the store.

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/base/file.h"
#include "common/store/store.h"
#include "tests/scheduler/report/well_formed.h"
#include "tests/support/running_program.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::SizeIs;

class ExplainTest : public ::testing::Test {
 protected:
  testing::Ended paceline(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "paceline");
    return testing::RunningProgram(std::move(arguments), scratch_.path(), {{"PACELINE_STORE", ""}})
        .wait();
  }

  // Of a small model, with `more`.
  std::vector<std::string> about(std::string command, std::vector<std::string> more) {
    std::vector<std::string> arguments = {std::move(command), model_, "--bind",  "B=1",
                                          "--bind",           "N=24", "--store", store_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  void measure(int paths) {
    const auto ended = paceline(about("measure", {"--paths", std::to_string(paths), "--regime",
                                                  "hot", "--sitting-seconds", "0.02"}));
    ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  }

  void expect_refusal(std::vector<std::string> more, const std::string& message) {
    const auto ended = paceline(about("explain", std::move(more)));
    EXPECT_EQ(ended.exit_code, 2) << ended.errors;
    EXPECT_EQ(ended.output, "");
    EXPECT_THAT(ended.errors, HasSubstr(message));
    EXPECT_EQ(std::count(ended.errors.begin(), ended.errors.end(), '\n'), 1) << ended.errors;
  }

  testing::Scratch scratch_;
  const std::string model_ = std::string(PACELINE_TEST_DATA) + "/models/qwen3";
  const std::string store_ = scratch_ / "store.sqlite";
  const std::string page_ = scratch_ / "page.html";
};

TEST_F(ExplainTest, WritesAPageOfAllThatItKnows) {
  measure(3);

  const auto ended = paceline(
      about("explain", {"--page", page_, "--profile", "--random", "1", "--repeat", "3", "--json"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto said = nlohmann::json::parse(ended.output);
  const std::string page = read_text_file(page_);

  EXPECT_EQ(test::WellFormed(page).complaint(), "");
  EXPECT_THAT(page, HasSubstr(said["path"].get<std::string>()));
  ASSERT_FALSE(said["nodes"].empty());
  std::set<std::string> rules;
  for (const auto& node : said["nodes"]) {
    EXPECT_GT(node["run_s"], 0);
    EXPECT_THAT(page, HasSubstr(node["kernel"].get<std::string>()));
    for (const auto& rival : node["rivals"]) {
      EXPECT_THAT(page, HasSubstr(rival["kernel"].get<std::string>()));
    }
    for (const auto& record : node["estimate"]["records"]) {
      EXPECT_THAT(page, HasSubstr(record.get<std::string>()));
    }
    for (const auto& rule : node["rules"]) rules.insert(rule.get<std::string>());
  }
  for (const std::string& rule : rules) {
    EXPECT_THAT(page, HasSubstr("<span class=\"tag\">" + rule + "</span>"));
  }
  // The graph as it stands, which may be one of the three best, the others, the best by the bytes
  // that it computes, and what runs where nothing was measured, with a calibrated roofline and with
  // a nominal one.
  ASSERT_THAT(said["timed"], SizeIs(AllOf(Ge(3u), Le(7u))));
  double before_s = 0;
  for (const auto& row : said["timed"]) {
    EXPECT_THAT(page, HasSubstr(row["path"].get<std::string>()));
    EXPECT_GE(row["median_s"], before_s);
    before_s = row["median_s"];
  }
  EXPECT_EQ(said["basis"], "raced");
  EXPECT_GT(said["search"]["paths_log10"], 10);
  EXPECT_LE(said["search"]["lower_bound_s"], said["search"]["best_s"]);
  EXPECT_THAT(page, HasSubstr("lift-"));
}

TEST_F(ExplainTest, ShowsWhichRulesMadeANodeOfARewrittenGraph) {
  const auto ended = paceline(about("explain", {"--json"}));
  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  const auto said = nlohmann::json::parse(ended.output);

  EXPECT_THAT(said["timed"], SizeIs(0));
  EXPECT_EQ(said.contains("run_s"), false);
  if (said["basis"] == "standing") {
    for (const auto& node : said["nodes"]) EXPECT_FALSE(node.contains("rules"));
  } else {
    EXPECT_EQ(said["basis"], "searched");
    EXPECT_TRUE(std::ranges::any_of(said["nodes"],
                                    [](const auto& node) { return !node["rules"].empty(); }));
  }
}

// The rows of a store, as if another machine had measured them.
void copy_as(const Machine& machine, Store& from, Store& to) {
  to.put(machine);
  from.for_each_batch([&](Store::Batch batch) {
    for (const Environment& environment : batch.environments) to.put(environment);
    if (!batch.kernels.empty()) to.put(std::span(std::as_const(batch.kernels)));
    if (!batch.workloads.empty()) to.put(std::span(std::as_const(batch.workloads)));
    for (Roofline& roofline : batch.rooflines) {
      roofline.machine = machine.id();
      to.put(roofline);
    }
    for (Measurement& row : batch.measurements) row.machine = machine.id();
    if (!batch.measurements.empty()) to.put(std::span(std::as_const(batch.measurements)));
  });
}

TEST_F(ExplainTest, SpeaksForAnotherMachineByItsRows) {
  measure(0);
  Machine other;
  {
    const auto here = open_store(store_);
    const auto id = here->query("select id from machine").rows.at(0).at(0);
    other = here->find(*MachineId::parse(id)).value();
    other.cpu_model = "Example 9000";
    other.gpus = {{.model = "Example G100", .architecture = "sm_90"}};
    const auto there = open_store((scratch_ / "there.sqlite").string());
    copy_as(other, *here, *there);
  }
  const auto about_there = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--store", (scratch_ / "there.sqlite").string(), "--no-search", "--json"});
    std::vector<std::string> arguments = {"explain", model_, "--bind", "B=1", "--bind", "N=24"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return paceline(std::move(arguments));
  };
  for (const std::string& name :
       {std::string("Example 9000"), other.id().to_string().substr(0, 8)}) {
    const auto ended = about_there({"--machine", name});
    ASSERT_EQ(ended.exit_code, 0) << ended.errors;
    const auto said = nlohmann::json::parse(ended.output);
    EXPECT_EQ(said["machine"], other.id().to_string());
    EXPECT_EQ(said["estimated"], 0);
    EXPECT_GT(said["measured"], 0);
    EXPECT_EQ(said["machine_model"], other.model_key());
    EXPECT_THAT(ended.output, AllOf(HasSubstr("measured there"), Not(HasSubstr("measured here"))));
  }
  // Of this machine, that store knows nothing.
  const auto here = about_there({});
  ASSERT_EQ(here.exit_code, 0) << here.errors;
  EXPECT_EQ(nlohmann::json::parse(here.output)["measured"], 0);

  const auto unknown = about_there({"--machine", "Example 1"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.errors, HasSubstr("Example 9000 + Example G100"));

  // A plan for its GPU, which this machine need not have; by a nominal roofline, without rows.
  const auto on_gpu = about_there({"--machine", "Example 9000", "--device", "cuda:0"});
  if (on_gpu.exit_code == 2) {
    EXPECT_THAT(on_gpu.errors, HasSubstr("built without CUDA kernels"));
    return;
  }
  ASSERT_EQ(on_gpu.exit_code, 0) << on_gpu.errors;
  for (const auto& node : nlohmann::json::parse(on_gpu.output)["nodes"]) {
    EXPECT_EQ(node["device"], "cuda:0");
  }
  const auto anywhere = about_there({"--machine", "Example 9000", "--device", "auto"});
  ASSERT_EQ(anywhere.exit_code, 0) << anywhere.errors;
}

TEST_F(ExplainTest, ListsPathsTimedWholeInText) {
  measure(10);

  const auto ended = paceline(about("explain", {}));

  EXPECT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_THAT(ended.output, HasSubstr("paths timed whole, 8 of 1"));
  EXPECT_THAT(ended.output, HasSubstr("\n> "));
  EXPECT_THAT(ended.output, HasSubstr("search: 10^"));
}

TEST_F(ExplainTest, WithoutSearchThereIsNothingToTellOfOne) {
  const auto ended = paceline(about("explain", {"--no-search", "--page", page_, "--json"}));

  ASSERT_EQ(ended.exit_code, 0) << ended.errors;
  EXPECT_FALSE(nlohmann::json::parse(ended.output).contains("search"));
  const std::string page = read_text_file(page_);
  EXPECT_EQ(test::WellFormed(page).complaint(), "");
  EXPECT_THAT(page, HasSubstr("No path was timed whole."));
  EXPECT_THAT(page, Not(HasSubstr("rules fired")));
}

TEST_F(ExplainTest, RefusesAPageThatItCannotWrite) {
  expect_refusal({"--page", scratch_ / "missing/page.html"},
                 "no folder " + (scratch_ / "missing").string());
  expect_refusal({"--page", scratch_.path()}, "--page takes a file and not a folder");
  expect_refusal({"--page", "/proc/page.html"}, "/proc/page.html");
}

TEST_F(ExplainTest, RefusesAProfileWithoutInputs) {
  expect_refusal({"--profile"}, "give --input F.safetensors, or --random SEED");
}

}  // namespace
}  // namespace paceline
