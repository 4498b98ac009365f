#include "common/wire/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "common/base/error.h"
#include "tests/support/scratch.h"

namespace paceline::wire {
namespace {

using paceline::testing::Scratch;
using ::testing::HasSubstr;

TEST(Keys, ASecretIsReadByItsOwnerAlone) {
  const Scratch scratch;
  const KeyPair keys = make_key_pair();
  write_secret_key(scratch / "a.key", keys);
  struct stat status;
  ASSERT_EQ(::stat((scratch / "a.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(read_secret_key(scratch / "a.key").public_key, keys.public_key);
}

TEST(Keys, ASecretThatOthersMayReadIsRefused) {
  const Scratch scratch;
  write_secret_key(scratch / "a.key", make_key_pair());
  ::chmod((scratch / "a.key").c_str(), 0640);
  try {
    read_secret_key(scratch / "a.key");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    EXPECT_THAT(error.what(), HasSubstr("chmod 600"));
  }
}

TEST(Keys, AFileThatIsNoKeyIsRefused) {
  const Scratch scratch;
  std::ofstream(scratch / "a.pub") << "not a key\n";
  EXPECT_THROW(read_public_key(scratch / "a.pub"), Error);
  EXPECT_THROW(read_secret_key(scratch / "missing.key"), Error);
}

// '#' is a character of Z85.
TEST(AllowList, KeepsEveryKey) {
  const Scratch scratch;
  std::vector<AllowedKey> keys;
  for (int i = 0; i < 50; ++i) {
    keys.push_back({i % 2 == 0 ? Role::worker : Role::client, "name", make_key_pair().public_key});
  }
  write_allow_list(scratch / "allowed", keys);
  const auto read = read_allow_list(scratch / "allowed");
  ASSERT_EQ(read.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(read[i].public_key, keys[i].public_key);
    EXPECT_EQ(read[i].role, keys[i].role);
  }
}

TEST(AllowList, NamesTheLineThatIsWrong) {
  const Scratch scratch;
  std::ofstream(scratch / "allowed") << "# people\n\nadmin me key\n";
  try {
    read_allow_list(scratch / "allowed");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("allowed:3: admin me key"));
  }
}

TEST(KeyFolder, IsMadeOnceAndKept) {
  const Scratch scratch;
  make_key_folder(scratch / "keys");
  const std::string before = read_public_key(scratch / "keys" / key_files::coordinator_public);
  make_key_folder(scratch / "keys");
  EXPECT_EQ(read_public_key(scratch / "keys" / key_files::coordinator_public), before);
  EXPECT_EQ(read_allow_list(scratch / "keys" / key_files::allow_list).size(), 2u);
}

}  // namespace
}  // namespace paceline::wire
