#include <set>

#include <gtest/gtest.h>

#include "common/base/digest.h"
#include "common/base/id.h"

namespace paceline {
namespace {

TEST(Digest, ReadsBackWhatItWrites) {
  const Digest digest = Digest::random();
  EXPECT_EQ(Digest::parse(digest.to_string()), digest);
}

TEST(Digest, RefusesWhatIsNot32LowerCaseHexadecimalDigits) {
  const std::string good(32, 'a');
  ASSERT_TRUE(Digest::parse(good));
  EXPECT_FALSE(Digest::parse(""));
  EXPECT_FALSE(Digest::parse(good + "a"));
  EXPECT_FALSE(Digest::parse(std::string(32, 'A')));
  EXPECT_FALSE(Digest::parse(std::string(31, 'a') + "g"));
}

TEST(Digest, IsDrawnAnewEachTime) {
  std::set<Digest> drawn;
  for (int i = 0; i < 100; ++i) drawn.insert(Digest::random());
  EXPECT_EQ(drawn.size(), 100u);
}

// Stored in databases: what it says today it must say for ever.
TEST(Hasher, GivesTheSameDigestInEveryVersion) {
  Hasher hasher("example/1");
  hasher.add("softmax").add(std::int64_t{-1}).add(1.5).add(true);
  EXPECT_EQ(hasher.finish().to_string(), "98d1c7e3f9a8c8d66f697a492394913e");
}

TEST(Hasher, SeparatesFieldsAndDomains) {
  const auto hash = [](const char* domain, const char* a, const char* b) {
    return Hasher(domain).add(a).add(b).finish();
  };
  EXPECT_NE(hash("x", "ab", "c"), hash("x", "a", "bc"));
  EXPECT_NE(hash("x", "ab", "c"), hash("y", "ab", "c"));
  EXPECT_EQ(hash("x", "ab", "c"), hash("x", "ab", "c"));
}

TEST(Id, IsZeroUntilItNamesSomething) {
  EXPECT_TRUE(LeaseId{}.is_zero());
  EXPECT_FALSE(LeaseId::random().is_zero());
  EXPECT_FALSE(LeaseId::parse("lease"));
}

}  // namespace
}  // namespace paceline
