#include "common/store/private_postgres.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/store/store.h"
#include "tests/support/fresh_postgres.h"

namespace paceline::testing {
namespace {

using ::testing::HasSubstr;

constexpr PrivatePostgres::Options for_tests = {.is_durable = false};

std::string refusal_of(const std::filesystem::path& folder) {
  try {
    PrivatePostgres::start(folder, for_tests);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "started";
  return {};
}

TEST(PrivatePostgres, KeepsItsDataOverARestart) {
  const ScratchFolder scratch;
  {
    const auto server = PrivatePostgres::start(scratch.path() / "server");
    open_store(server.url(), OpenMode::initialise);
    EXPECT_EQ(PrivatePostgres::find_running(scratch.path() / "server"), server.pid());
  }
  EXPECT_EQ(PrivatePostgres::find_running(scratch.path() / "server"), std::nullopt);
  const auto server = PrivatePostgres::start(scratch.path() / "server");
  EXPECT_NO_THROW(open_store(server.url()));
}

TEST(PrivatePostgres, RecoversAfterACrash) {
  const ScratchFolder scratch;
  {
    const auto killed = PrivatePostgres::start(scratch.path() / "server", for_tests);
    open_store(killed.url(), OpenMode::initialise);
    ::kill(killed.pid(), SIGKILL);
  }
  const auto server = PrivatePostgres::start(scratch.path() / "server", for_tests);

  EXPECT_NO_THROW(open_store(server.url(), OpenMode::initialise));
}

TEST(PrivatePostgres, RefusesAFolderWhereOneRuns) {
  const ScratchFolder scratch;
  const auto server = PrivatePostgres::start(scratch.path() / "server", for_tests);
  EXPECT_THAT(refusal_of(scratch.path() / "server"), HasSubstr("runs there already"));
}

TEST(PrivatePostgres, AsADaemonOutlivesItsStarterUntilItIsStopped) {
  const ScratchFolder scratch;
  const auto folder = scratch.path() / "server";
  PrivatePostgres::start(folder, {.outlives_caller = true, .is_durable = false});

  EXPECT_TRUE(PrivatePostgres::find_running(folder));
  EXPECT_TRUE(PrivatePostgres::stop_running(folder));
  EXPECT_FALSE(PrivatePostgres::find_running(folder));
  EXPECT_FALSE(PrivatePostgres::stop_running(folder));
}

TEST(PrivatePostgres, TakesAFolderWhosePathIsTooLongForASocket) {
  const ScratchFolder scratch;
  const auto folder = scratch.path() / std::string(120, 'x');
  const auto server = PrivatePostgres::start(folder, for_tests);
  EXPECT_NO_THROW(open_store(server.url(), OpenMode::initialise));
}

TEST(PrivatePostgres, TakesAFolderWithASpaceInItsName) {
  const ScratchFolder scratch;
  const auto server = PrivatePostgres::start(scratch.path() / "a server & more", for_tests);
  EXPECT_NO_THROW(open_store(server.url(), OpenMode::initialise));
}

TEST(PrivatePostgres, NamesTheFolderThatItsUserCannotReach) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: only then the server runs as another user";
  const ScratchFolder scratch;
  const auto closed = scratch.path() / "closed";
  std::filesystem::create_directory(closed);
  std::filesystem::permissions(closed, std::filesystem::perms::owner_all);
  EXPECT_THAT(refusal_of(closed / "server"), HasSubstr(closed.string()));
}

}  // namespace
}  // namespace paceline::testing
