#include "ops-tools/wrap.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(Wrap, LeavesAloneWhatFits) {
  EXPECT_EQ(wrap("as wide as this", 15), "as wide as this");
  EXPECT_EQ(wrap("", 5), "");
}

TEST(Wrap, BreaksAtTheLastSpaceThatFits) {
  EXPECT_EQ(wrap("one two three", 8), "one two\nthree");
  EXPECT_EQ(wrap("one two three", 7), "one two\nthree");
  EXPECT_EQ(wrap("one two three", 6), "one\ntwo\nthree");
}

TEST(Wrap, IndentsTheLinesAfterTheFirst) {
  EXPECT_EQ(wrap("one two three four", 9, 2), "one two\n  three\n  four");
}

TEST(Wrap, KeepsTheMarginOfTheFirstLine) {
  EXPECT_EQ(wrap("    one two", 8, 6), "    one\n      two");
}

TEST(Wrap, KeepsLongWordsWhole) {
  EXPECT_EQ(wrap("postgresql://somewhere is it", 8), "postgresql://somewhere\nis it");
  EXPECT_EQ(wrap("a postgresql://somewhere", 8, 2), "a\n  postgresql://somewhere");
}

TEST(Wrap, DropsSpacesAtABreak) { EXPECT_EQ(wrap("one    two", 5), "one\ntwo"); }

TEST(Wrap, KeepsTheLinesThatThereAre) {
  EXPECT_EQ(wrap("one two three\n\nfour five\n", 9, 2), "one two\n  three\n\nfour five\n");
}

TEST(Wrap, WithoutAWidthChangesNothing) { EXPECT_EQ(wrap("one two three", 0, 4), "one two three"); }

}  // namespace
}  // namespace paceline
