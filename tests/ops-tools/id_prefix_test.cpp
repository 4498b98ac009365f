#include "ops-tools/id_prefix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<std::string> ids = {"00112233445566778899aabbccddeeff",
                                      "00112233ffffffffffffffffffffffff",
                                      "ab000000000000000000000000000000"};

std::string refusal_of(const std::vector<std::string>& among, std::string_view text) {
  try {
    find_by_prefix(among, text, "campaign");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::invalid);
    return error.what();
  }
  return "no error";
}

TEST(IdPrefix, FindsTheOneThatBeginsSo) {
  EXPECT_EQ(find_by_prefix(ids, "a", "campaign"), ids[2]);
  EXPECT_EQ(find_by_prefix(ids, "001122334", "campaign"), ids[0]);
  EXPECT_EQ(find_by_prefix(ids, ids[1], "campaign"), ids[1]);
  EXPECT_EQ(find_by_prefix(ids, short_id(ids[1]), "campaign"), ids[1]);
}

TEST(IdPrefix, ListsThoseBetweenWhichItCannotTell) {
  EXPECT_THAT(refusal_of(ids, "0011"),
              AllOf(HasSubstr("2 campaigns"), HasSubstr("001122334455"), HasSubstr("00112233ffff"),
                    Not(HasSubstr("ab0000")), HasSubstr(": 0011")));
}

TEST(IdPrefix, ListsWhatThereIsWhenNoneBeginsSo) {
  EXPECT_THAT(refusal_of(ids, "ff"), AllOf(HasSubstr("ab0000000000"), HasSubstr(": ff")));
  EXPECT_THAT(refusal_of(ids, ""), HasSubstr("ab0000000000"));
  EXPECT_THAT(refusal_of(ids, ids[2] + "0"), HasSubstr("ab0000000000"));
  EXPECT_THAT(refusal_of({}, "ff"), HasSubstr("there is no campaign yet"));
}

TEST(IdPrefix, ListsNotMoreThanALineHolds) {
  std::vector<std::string> many;
  for (int i = 0; i < 20; ++i) many.push_back(std::string(32, static_cast<char>('a' + i)));
  EXPECT_THAT(refusal_of(many, "z"), HasSubstr("and 12 more"));
}

}  // namespace
}  // namespace paceline
