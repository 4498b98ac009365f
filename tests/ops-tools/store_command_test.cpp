// `paceline store` as main() runs it, in this process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/base/error.h"
#include "ops-tools/commands.h"
#include "tests/common/store/nouns.h"
#include "tests/support/scratch.h"

namespace paceline {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::Scratch;

class StoreCommand : public ::testing::Test {
 protected:
  StoreCommand() {
    const auto store = open_store(here_);
    testing::put_identities(*store);
    testing::put_one(*store, testing::some_measurement(2e-5, /*age_ns=*/3600'000'000'000));
    testing::put_one(*store, testing::some_measurement(1e-5));
  }

  static std::string run(std::vector<std::string> arguments) {
    CLI::App app;
    add_store_command(app);
    arguments.insert(arguments.begin(), "store");
    std::reverse(arguments.begin(), arguments.end());  // As CLI11 wants them.
    ::testing::internal::CaptureStdout();
    try {
      app.parse(arguments);
    } catch (...) {
      ::testing::internal::GetCapturedStdout();
      throw;
    }
    return ::testing::internal::GetCapturedStdout();
  }
  static json ask(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    return json::parse(run(std::move(arguments)));
  }
  // The message of a request that is refused as `kind`.
  static std::string refusal_of(ErrorKind kind, std::vector<std::string> arguments) {
    try {
      run(std::move(arguments));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind);
      return error.what();
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
    return "no error";
  }

  const Scratch scratch_;
  const std::string here_ = scratch_ / "here.sqlite";
  const std::string there_ = scratch_ / "there.sqlite";
};

TEST_F(StoreCommand, TellsWhatTheStoreHolds) {
  const json info = ask({"info", "--store", here_});
  EXPECT_EQ(info["counts"]["measurements"], 2);
  EXPECT_EQ(info["counts"]["workloads"], 1);
  EXPECT_EQ(info["counts"]["machines"], 1);
  EXPECT_GT(info["schema_step"], 0);
}

TEST_F(StoreCommand, ExportsAllRows) {
  EXPECT_EQ(ask({"export", there_, "--store", here_})["added"]["measurements"], 2);
  EXPECT_EQ(ask({"info", "--store", there_})["counts"], ask({"info", "--store", here_})["counts"]);
  const std::string sql = "select median_s, low_s, samples_s, node from measurement order by id";
  EXPECT_EQ(run({"query", sql, "--store", there_}), run({"query", sql, "--store", here_}));
}

TEST_F(StoreCommand, ExportsOfRacesTheFinalistsAlone) {
  const auto store = open_store(here_);
  const GraphText graph = testing::some_graph_text();
  store->put(std::span(&graph, 1));
  const PathText winner = testing::some_path_text();
  PathText loser = winner;
  loser.id = PathId::random();
  const PathText paths[] = {winner, loser};
  store->put(std::span<const PathText>(paths));
  PathMeasurement rows[] = {testing::some_path_measurement(), testing::some_path_measurement()};
  rows[1].path = loser.id;
  rows[1].samples_s.resize(1);
  rows[1].blocks.resize(1);
  store->put(std::span<const PathMeasurement>(rows));

  const json added = ask({"export", there_, "--races", "--store", here_})["added"];
  EXPECT_EQ(added["measurements"], 0);
  EXPECT_EQ(added["paths"], 1);
  EXPECT_EQ(added["path_measurements"], 1);
  const auto exported = open_store(there_);
  EXPECT_TRUE(exported->find(winner.id));
  EXPECT_EQ(exported
                ->path_measurements(graph.id, testing::some_machine().id(),
                                    testing::some_environment().id())
                .size(),
            1u);
}

TEST_F(StoreCommand, ImportingTwiceChangesNothing) {
  EXPECT_EQ(ask({"import", here_, "--store", there_})["added"]["measurements"], 2);
  const json again = ask({"import", here_, "--store", there_});
  for (const auto& [noun, count] : again["added"].items()) EXPECT_EQ(count, 0) << noun;
  EXPECT_EQ(ask({"info", "--store", there_})["counts"]["measurements"], 2);
}

TEST_F(StoreCommand, MergesTwoStores) {
  const auto other = open_store(there_);
  testing::put_identities(*other);
  testing::put_one(*other, testing::some_measurement(3e-5));
  EXPECT_EQ(ask({"import", there_, "--store", here_})["added"]["measurements"], 1);
  EXPECT_EQ(ask({"info", "--store", here_})["counts"]["measurements"], 3);
}

TEST_F(StoreCommand, PrunesWhatIsOldButNotTheNewestOfItsKind) {
  const json pruned = ask({"prune", "--before", "2100-01-01", "--store", here_});
  EXPECT_EQ(pruned["removed"], 1);
  const json rows = ask({"query", "select median_s from measurement", "--store", here_});
  EXPECT_EQ(rows, json::parse(R"([{"median_s": 1e-05}])"));
  EXPECT_EQ(ask({"prune", "--before", "2100-01-01T00:00:00Z", "--store", here_})["removed"], 0);
}

TEST_F(StoreCommand, PrunesNothingThatFinishedLater) {
  EXPECT_EQ(ask({"prune", "--before", "2001-09-09T01:46:40Z", "--store", here_})["removed"], 0);
}

TEST_F(StoreCommand, AnswersQueriesAsTableCsvAndJson) {
  const std::string sql = "select name, 'a,\"b' as quoted, 2 as two, null as none from kernel";
  EXPECT_EQ(run({"query", sql, "--store", here_}),
            "name          quoted  two  none\nsoftmax_rows  a,\"b      2\n");
  EXPECT_EQ(run({"query", sql, "--csv", "--store", here_}),
            "name,quoted,two,none\r\nsoftmax_rows,\"a,\"\"b\",2,\r\n");
  const json row = ask({"query", sql, "--store", here_})[0];
  EXPECT_EQ(row["name"], "softmax_rows");
  EXPECT_EQ(row["quoted"], "a,\"b");
  EXPECT_EQ(row["two"], 2);
}

TEST_F(StoreCommand, MakesAStoreOnce) {
  EXPECT_THAT(run({"init", "--store", there_}), HasSubstr("ready: "));
  EXPECT_THAT(run({"init", "--store", there_}), HasSubstr("ready: "));
  EXPECT_THAT(run({"migrate", "--store", there_}), HasSubstr("ready: "));
  EXPECT_EQ(ask({"info", "--store", there_})["counts"]["measurements"], 0);
}

TEST_F(StoreCommand, RefusesAStoreThatIsNotThere) {
  for (const char* action : {"info", "export", "prune", "query"}) {
    std::vector<std::string> arguments = {action, "--store", there_};
    if (std::string_view(action) == "export") arguments.push_back(scratch_ / "copy.sqlite");
    if (std::string_view(action) == "query") arguments.push_back("select 1");
    if (std::string_view(action) == "prune")
      arguments.insert(arguments.end(), {"--before", "2026-11-21"});
    EXPECT_THAT(refusal_of(ErrorKind::unavailable, arguments), HasSubstr(there_)) << action;
    EXPECT_FALSE(std::filesystem::exists(there_)) << action;
  }
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "copy.sqlite"));
}

TEST_F(StoreCommand, RefusesAnImportOfWhatIsNoStore) {
  EXPECT_THAT(refusal_of(ErrorKind::unavailable, {"import", there_, "--store", here_}),
              HasSubstr(there_));
  std::ofstream(there_) << std::string(4096, 'x');
  EXPECT_THAT(refusal_of(ErrorKind::invalid, {"import", there_, "--store", here_}),
              HasSubstr(there_));
  EXPECT_EQ(ask({"info", "--store", here_})["counts"]["measurements"], 2);
}

TEST_F(StoreCommand, RefusesToWorkWithoutAStore) {
  EXPECT_THAT(refusal_of(ErrorKind::invalid, {"info", "--store", "none"}),
              HasSubstr("--store none"));
}

TEST_F(StoreCommand, RefusesADayThatIsNone) {
  for (const char* day : {"yesterday", "2026-13-01", "2026-11-21T10:30", "2026-11-21 ", ""}) {
    EXPECT_THAT(refusal_of(ErrorKind::invalid, {"prune", "--before", day, "--store", here_}),
                HasSubstr("2026-11-21T10:30:00Z"))
        << day;
  }
  EXPECT_EQ(ask({"info", "--store", here_})["counts"]["measurements"], 2);
}

TEST_F(StoreCommand, RefusesAQueryThatWrites) {
  EXPECT_THAT(
      refusal_of(ErrorKind::invalid, {"query", "delete from measurement", "--store", here_}),
      HasSubstr("query"));
  EXPECT_EQ(ask({"info", "--store", here_})["counts"]["measurements"], 2);
}

TEST_F(StoreCommand, NamesTheArgumentThatIsMissing) {
  EXPECT_THAT(refusal_of(ErrorKind::invalid, {"export", "--store", here_}), HasSubstr("FILE"));
  EXPECT_THAT(refusal_of(ErrorKind::invalid, {"query", "--store", here_}), HasSubstr("SQL"));
  EXPECT_THAT(refusal_of(ErrorKind::invalid, {"prune", "--store", here_}), HasSubstr("--before"));
}

}  // namespace
}  // namespace paceline
