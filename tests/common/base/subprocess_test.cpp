#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/subprocess.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Subprocess shell(const std::string& script) {
  return Subprocess::start({.command = {"sh", "-c", script}});
}

TEST(Subprocess, ReportsHowItsProgramEnded) {
  EXPECT_EQ(describe_wait_status(shell("exit 3").wait()), "exit 3");
  EXPECT_EQ(describe_wait_status(shell("kill -SEGV $$").wait()), "killed by SIGSEGV");
}

TEST(Subprocess, IsStillThereWhenTheWaitIsOver) {
  Subprocess child = shell("sleep 30");
  EXPECT_EQ(child.wait(5ms), std::nullopt);
  EXPECT_TRUE(child.is_running());
  EXPECT_EQ(describe_wait_status(child.stop(5s)), "killed by SIGTERM");
  EXPECT_FALSE(child.is_running());
}

TEST(Subprocess, IsKilledWhenItIgnoresTheRequestToStop) {
  Subprocess child = shell("trap '' TERM; while :; do sleep 0.01; done");
  EXPECT_EQ(child.wait(100ms), std::nullopt);
  EXPECT_EQ(describe_wait_status(child.stop(50ms)), "killed by SIGKILL");
}

TEST(Subprocess, DoesNotOutliveItsOwner) {
  pid_t pid = 0;
  {
    const Subprocess child = shell("sleep 30");
    pid = child.pid();
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Subprocess, CannotBeStartedFromAProgramThatIsMissing) {
  try {
    Subprocess::start({.command = {"/nowhere/paceline-none"}});
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/paceline-none: exec: No such file"));
  }
}

TEST(Subprocess, GetsEnvironmentFolderAndOutput) {
  const std::filesystem::path output =
      testing::TempDir() + "paceline-output-" + std::to_string(::getpid());
  Subprocess child = Subprocess::start({.command = {"sh", "-c", "echo $COLOUR $(pwd)"},
                                        .environment = {{"COLOUR", "green"}},
                                        .folder = "/",
                                        .output = output});
  EXPECT_EQ(child.wait(), 0);
  EXPECT_EQ(read_text_file(output), "green /\n");
  std::filesystem::remove(output);
}

// The numbers cross over: each of the child's is another of ours.
TEST(Subprocess, GetsDescriptorsUnderTheNumbersAskedFor) {
  std::array<int, 2> first;
  std::array<int, 2> second;
  ASSERT_EQ(::pipe(first.data()), 0);
  ASSERT_EQ(::pipe(second.data()), 0);
  Subprocess child =
      Subprocess::start({.command = {"sh", "-c",
                                     "echo one >&" + std::to_string(second[1]) + "; echo two >&" +
                                         std::to_string(first[1])},
                         .descriptors = {{first[1], second[1]}, {second[1], first[1]}}});
  EXPECT_EQ(child.wait(), 0);
  std::array<char, 4> text{};
  ASSERT_EQ(::read(first[0], text.data(), 4), 4);
  EXPECT_EQ(std::string_view(text.data(), 4), "one\n");
  ASSERT_EQ(::read(second[0], text.data(), 4), 4);
  EXPECT_EQ(std::string_view(text.data(), 4), "two\n");
  for (const int descriptor : {first[0], first[1], second[0], second[1]}) ::close(descriptor);
}

TEST(Subprocess, IsHeldToItsAddressSpace) {
  Subprocess child = Subprocess::start({.command = {"sh", "-c", "test $(ulimit -v) = 1048576"},
                                        .address_space_bytes_max = std::size_t{1} << 30});
  EXPECT_EQ(child.wait(), 0);
}

TEST(ProgramFolder, IsWhereThisTestLies) {
  EXPECT_TRUE(std::filesystem::exists(program_folder() / "base_tests"));
}

}  // namespace
}  // namespace paceline
