#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "common/base/error.h"
#include "common/store/schema.h"
#include "tests/common/store/homes.h"
#include "tests/common/store/nouns.h"

namespace paceline::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using OpenStoreTest = OnBothHomes;
PACELINE_ON_BOTH_HOMES(OpenStoreTest);

std::string refusal_of(const std::string& url, ErrorKind kind, OpenMode mode = OpenMode::use) {
  try {
    open_store(url, mode);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "opened " << url;
  return {};
}

TEST_P(OpenStoreTest, OpensWhatWasInitialised) {
  put_identities(*store_);
  EXPECT_EQ(open_store(url_)->counts().kernels, 1);
  EXPECT_EQ(open_store(url_, OpenMode::existing)->counts().kernels, 1);
  EXPECT_EQ(open_store(url_, OpenMode::initialise)->counts().kernels, 1);
}

TEST_P(OpenStoreTest, RefusesANewerSchema) {
  run_sql(url_, "insert into schema_step values (9999, '9999_add_wonders', 'x', 0)");

  for (const OpenMode mode : {OpenMode::use, OpenMode::initialise}) {
    EXPECT_THAT(refusal_of(url_, ErrorKind::invalid, mode),
                AllOf(HasSubstr("9999_add_wonders"), HasSubstr("use a newer paceline")));
  }
}

TEST_P(OpenStoreTest, RefusesAStepThatWasEdited) {
  run_sql(url_, "update schema_step set hash = 'other' where number = 2");

  EXPECT_THAT(refusal_of(url_, ErrorKind::invalid),
              AllOf(HasSubstr("0002_create_measurement"), HasSubstr("differs")));
}

TEST_P(OpenStoreTest, InitialisesOnceWhenManyTry) {
  const std::string url = fresh_url();
  {
    std::vector<std::jthread> openers;
    for (int i = 0; i < 4; ++i) {
      openers.emplace_back([&] { EXPECT_NO_THROW(open_store(url, OpenMode::initialise)); });
    }
  }
  const auto steps = open_store(url)->query("select count(*), count(distinct number) from schema_step");
  EXPECT_EQ(steps.rows[0][0], steps.rows[0][1]);
}

TEST(OpenSqlite, CreatesAFileUnlessItMustExist) {
  const std::string url = fresh_sqlite_url();
  EXPECT_THAT(refusal_of(url, ErrorKind::unavailable, OpenMode::existing),
              AllOf(HasSubstr(url), HasSubstr("no such store")));
  EXPECT_EQ(open_store(url)->counts().kernels, 0);
  EXPECT_NO_THROW(open_store("sqlite:" + url, OpenMode::existing));
}

TEST(OpenSqlite, RefusesAFileOfAnotherKind) {
  const std::string url = fresh_sqlite_url();
  std::ofstream(url) << "a text that is long enough to be read as the header of a database file ......"
                        "........................................................................";
  EXPECT_THAT(refusal_of(url, ErrorKind::invalid), HasSubstr("not a store"));
}

TEST(OpenSqlite, SaysThatAFolderIsMissing) {
  EXPECT_THAT(refusal_of("/nonexistent/folder/store.sqlite", ErrorKind::unavailable),
              HasSubstr("/nonexistent/folder/store.sqlite"));
}

TEST(OpenPostgres, RefusesADatabaseThatWasNotInitialised) {
  EXPECT_THAT(refusal_of(fresh_postgres_url(), ErrorKind::invalid),
              AllOf(HasSubstr("not initialised"), HasSubstr("paceline store init")));
}

TEST(OpenPostgres, AsksForAMigrationOfAnOlderSchema) {
  const std::string url = fresh_postgres_url();
  open_store(url, OpenMode::initialise);
  run_sql(url, "drop trigger measurement_added on measurement; drop function notify_measurement; "
               "delete from schema_step where number = 8");

  EXPECT_THAT(refusal_of(url, ErrorKind::invalid), HasSubstr("paceline store migrate"));
  EXPECT_NO_THROW(open_store(url, OpenMode::initialise));
  EXPECT_NO_THROW(open_store(url));
}

TEST(OpenPostgres, SaysThatNobodyAnswersAndHidesThePassword) {
  EXPECT_THAT(refusal_of("postgresql://ann:secret@127.0.0.1:1/times", ErrorKind::unavailable),
              AllOf(HasSubstr("postgresql://ann@127.0.0.1:1/times"), HasSubstr("cannot reach"),
                    Not(HasSubstr("secret"))));
}

TEST(OpenPostgres, ConnectsAgainAfterTheServerDroppedIt) {
  const std::string url = fresh_postgres_url();
  const auto store = open_store(url, OpenMode::initialise);
  run_sql(url, "select pg_terminate_backend(pid) from pg_stat_activity "
               "where datname = current_database() and pid <> pg_backend_pid()");

  EXPECT_THROW(store->counts(), Error);
  EXPECT_EQ(store->counts().kernels, 0);
}

constexpr store::EmbeddedStep two_steps[] = {{"sqlite", 1, "0001_a", "create a"},
                                             {"sqlite", 2, "0002_b", "create b"}};

store::AppliedStep applied(int i) {
  return {two_steps[i].number, two_steps[i].name, store::hash_of(two_steps[i]).to_string()};
}

TEST(MissingSteps, AreThoseThatWereNotApplied) {
  const store::AppliedStep first[] = {applied(0)};
  const store::AppliedStep both[] = {applied(0), applied(1)};

  EXPECT_EQ(store::missing_steps(two_steps, {}, "u").size(), 2u);
  ASSERT_EQ(store::missing_steps(two_steps, first, "u").size(), 1u);
  EXPECT_EQ(store::missing_steps(two_steps, first, "u")[0].number, 2);
  EXPECT_TRUE(store::missing_steps(two_steps, both, "u").empty());
}

}  // namespace
}  // namespace paceline::testing
