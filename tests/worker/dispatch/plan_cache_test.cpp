#include "worker/dispatch/plan_cache.h"

#include <gmock/gmock.h>

#include <fstream>

#include "common/base/error.h"
#include "common/base/file.h"
#include "kernels/all_kernels.h"
#include "tests/support/scratch.h"
#include "worker/dispatch/program_build.h"

namespace paceline {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

PlanKey some_key() {
  return {.graph = GraphId::random(),
          .bindings = {{"B", 1}, {"N", 64}},
          .machine = MachineId::random(),
          .environment = EnvironmentId::random(),
          .program = program_build(),
          .kernels = digest_of(kernels::all_kernels()),
          .options = "tolerance 1e-5",
          .generation = 3};
}

Error refusal(const std::filesystem::path& path) {
  try {
    read_plan_file(path);
  } catch (const Error& error) {
    return error;
  }
  return {ErrorKind::internal, "accepted"};
}

class PlanCaching : public ::testing::Test {
 protected:
  void age(const PlanKey& key, int minutes) {
    std::filesystem::last_write_time(
        cache_.path_of(key),
        std::filesystem::file_time_type::clock::now() - std::chrono::minutes(minutes));
  }

  const testing::Scratch scratch_;
  const PlanCache cache_{scratch_ / "plans", 1000};
  const PlanKey key_ = some_key();
};

TEST_F(PlanCaching, GivesBackWhatWasPut) {
  EXPECT_EQ(cache_.find(key_), std::nullopt);
  cache_.put(key_, "plan {\n}\n");
  EXPECT_THAT(cache_.find(key_), Optional(std::string("plan {\n}\n")));
  cache_.put(key_, "");
  EXPECT_THAT(cache_.find(key_), Optional(std::string()));
}

TEST_F(PlanCaching, EveryPartOfTheKeyCounts) {
  cache_.put(key_, "plan");
  const auto misses = [&](auto change) {
    PlanKey other = key_;
    change(other);
    EXPECT_EQ(cache_.find(other), std::nullopt);
  };
  misses([](PlanKey& key) { key.graph = GraphId::random(); });
  misses([](PlanKey& key) { key.bindings["N"] = 65; });
  misses([](PlanKey& key) { key.bindings["past"] = 0; });
  misses([](PlanKey& key) { key.machine = MachineId::random(); });
  misses([](PlanKey& key) { key.environment = EnvironmentId::random(); });
  misses([](PlanKey& key) { key.program = Digest::random(); });
  misses([](PlanKey& key) { key.kernels = digest_of({}); });
  misses([](PlanKey& key) { key.options = "tolerance 1e-2"; });
  misses([](PlanKey& key) { key.generation = 4; });
  EXPECT_TRUE(cache_.find(key_).has_value());
}

TEST_F(PlanCaching, IgnoresAndReplacesAPlanOfAnotherVersion) {
  cache_.put(key_, "plan");
  write_file_atomically(cache_.path_of(key_), std::string_view("paceline plan 2\nother\n"));
  EXPECT_EQ(cache_.find(key_), std::nullopt);
  cache_.put(key_, "plan");
  EXPECT_THAT(cache_.find(key_), Optional(std::string("plan")));
}

TEST_F(PlanCaching, IgnoresDamagedFiles) {
  cache_.put(key_, "plan {}");
  const std::string whole = read_text_file(cache_.path_of(key_));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_file_atomically(cache_.path_of(key_), std::string_view(whole).substr(0, length));
    EXPECT_EQ(cache_.find(key_), std::nullopt) << length;
  }
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] ^= 1;
    write_file_atomically(cache_.path_of(key_), flipped);
    EXPECT_EQ(cache_.find(key_), std::nullopt) << at;
  }
}

TEST_F(PlanCaching, IgnoresWhatIsNoFile) {
  std::filesystem::create_directories(cache_.path_of(key_));
  EXPECT_EQ(cache_.find(key_), std::nullopt);
  cache_.put(key_, "plan");  // Cannot replace a folder, and says so in the log.
  EXPECT_EQ(cache_.find(key_), std::nullopt);
}

TEST_F(PlanCaching, KeepsNothingWhereItCannotWrite) {
  std::ofstream(scratch_ / "file") << "no folder";
  const PlanCache cache(scratch_ / "file" / "plans");
  cache.put(key_, "plan");
  EXPECT_EQ(cache.find(key_), std::nullopt);
}

TEST_F(PlanCaching, PrunesWhatWasNotUsedForLongest) {
  const PlanKey keys[] = {some_key(), some_key(), some_key(), some_key()};
  const std::string text(250, 'x');
  for (int i = 0; i < 3; ++i) {
    cache_.put(keys[i], text);
    age(keys[i], 30 - i);
  }
  EXPECT_TRUE(cache_.find(keys[0]).has_value());  // Used again.
  cache_.put(keys[3], text);
  EXPECT_TRUE(cache_.find(keys[0]).has_value());
  EXPECT_EQ(cache_.find(keys[1]), std::nullopt);
  EXPECT_TRUE(cache_.find(keys[2]).has_value());
  EXPECT_TRUE(cache_.find(keys[3]).has_value());
}

TEST_F(PlanCaching, RemovesWhatAKilledProcessLeft) {
  cache_.put(key_, "plan");
  const auto left = [&](const char* name, int minutes) {
    const std::filesystem::path path = scratch_ / "plans" / name;
    std::ofstream(path) << "half";
    std::filesystem::last_write_time(
        path, std::filesystem::file_time_type::clock::now() - std::chrono::minutes(minutes));
    return path;
  };
  const auto old = left("0123.plan.aB3xYz", 61);
  const auto recent = left("4567.plan.aB3xYz", 1);
  const auto other = left("notes.plan.txt", 61);
  cache_.put(some_key(), "plan");
  EXPECT_FALSE(std::filesystem::exists(old));
  EXPECT_TRUE(std::filesystem::exists(recent));
  EXPECT_TRUE(std::filesystem::exists(other));
  EXPECT_TRUE(cache_.find(key_).has_value());
}

TEST(ProgramBuild, IsTheSameWheneverAsked) {
  EXPECT_FALSE(program_build().is_zero());
  EXPECT_EQ(program_build(), program_build());
}

TEST_F(PlanCaching, LeavesOtherFilesOfItsFolderAlone) {
  cache_.put(key_, "plan");
  std::ofstream(scratch_ / "plans/notes.txt") << std::string(2000, 'x');
  cache_.put(some_key(), std::string(2000, 'x'));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "plans/notes.txt"));
  EXPECT_EQ(cache_.find(key_), std::nullopt);
}

TEST_F(PlanCaching, AFileThatTheUserNamesIsRefusedWithTheReason) {
  const std::filesystem::path path = scratch_ / "mine.plan";
  EXPECT_EQ(refusal(path).kind(), ErrorKind::invalid);
  write_file_atomically(path, std::string_view("graph \"g\" {}"));
  EXPECT_EQ(refusal(path).kind(), ErrorKind::invalid);
  EXPECT_THAT(refusal(path).what(), HasSubstr("no plan of Paceline"));
  EXPECT_THAT(refusal(path).what(), HasSubstr("mine.plan"));
  write_file_atomically(path, std::string_view("paceline plan 9999\nx\n"));
  EXPECT_EQ(refusal(path).kind(), ErrorKind::unsupported);
  EXPECT_THAT(refusal(path).what(), HasSubstr("version 9999, and this program reads "));
  write_file_atomically(path, std::string_view("paceline plan 2\nx\nplan"));
  EXPECT_THAT(refusal(path).what(), HasSubstr("checksum"));
  write_plan_file(path, "plan");
  EXPECT_EQ(read_plan_file(path), "plan");
}

}  // namespace
}  // namespace paceline
