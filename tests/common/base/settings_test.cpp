#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/settings.h"

namespace paceline {
namespace {

// Runs in a folder of its own, which also holds the user's configuration.
class SettingsFiles : public testing::Test {
 protected:
  SettingsFiles() {
    std::filesystem::create_directories(folder_ / "user" / "paceline");
    std::filesystem::current_path(folder_);
    ::setenv("XDG_CONFIG_HOME", (folder_ / "user").c_str(), 1);
    ::unsetenv("PACELINE_FLEET_WORKERS");
  }
  ~SettingsFiles() override {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(folder_);
  }

  std::filesystem::path before_ = std::filesystem::current_path();
  std::filesystem::path folder_ =
      testing::TempDir() + "paceline-settings-" + std::to_string(::getpid());
};

TEST_F(SettingsFiles, JoinTablesWithDots) {
  write_file_atomically("paceline.toml", "store = 'a.db'\n[fleet]\nworkers = 2\nquick = true\n");
  const Settings settings = Settings::load();
  EXPECT_EQ(settings.find("store"), "a.db");
  EXPECT_EQ(settings.find("fleet.workers"), "2");
  EXPECT_EQ(settings.find("fleet.quick"), "true");
  EXPECT_EQ(settings.find("fleet"), std::nullopt);
}

TEST_F(SettingsFiles, YieldToVariables) {
  write_file_atomically("paceline.toml", "[fleet]\nworkers = 2\n");
  ::setenv("PACELINE_FLEET_WORKERS", "5", 1);
  EXPECT_EQ(Settings::load().find("fleet.workers"), "5");
  ::unsetenv("PACELINE_FLEET_WORKERS");
}

TEST_F(SettingsFiles, OfTheFolderComeBeforeThoseOfTheUser) {
  write_file_atomically("paceline.toml", "store = 'near'\n");
  write_file_atomically("user/paceline/paceline.toml", "store = 'far'\nthreads = 4\n");
  EXPECT_EQ(Settings::load().find("store"), "near");
  EXPECT_EQ(Settings::load().find("threads"), "4");
}

TEST_F(SettingsFiles, SayWhereTheyDoNotParse) {
  write_file_atomically("paceline.toml", "store = 'a'\nthreads = = 2\n");
  try {
    Settings::load();
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), testing::HasSubstr("paceline.toml:2:"));
  }
}

TEST_F(SettingsFiles, RefuseAListWhereAValueIsWanted) {
  write_file_atomically("paceline.toml", "store = ['a', 'b']\n");
  EXPECT_THROW(Settings::load(), Error);
}

}  // namespace
}  // namespace paceline
