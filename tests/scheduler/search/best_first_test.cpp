#include "scheduler/search/best_first.h"

#include <gmock/gmock.h>

#include <set>

#include "common/base/error.h"
#include "scheduler/search/quotient.h"
#include "tests/support/layer_space.h"
#include "tests/scheduler/search/spaces.h"

namespace paceline::search {
namespace {

using ::testing::HasSubstr;

Diagram layer() {
  Random random(9);
  return Diagram::build(Quotient(layer_space({.layouts = 1}, random)).space());
}

Diagram small() {
  Random random(11);
  for (;;) {
    const Space space = random_space(random, 12);
    const std::size_t count = all_paths(space).size();
    if (count > 100 && count < 1000) return Diagram::build(space);
  }
}

std::vector<Solution> rest_of(BestFirst& list) {
  std::vector<Solution> found;
  while (auto solution = list.next()) found.push_back(*std::move(solution));
  return found;
}

std::vector<Solution> rest_of(const Diagram& diagram, const Cursor& cursor) {
  BestFirst list(diagram, cursor);
  return rest_of(list);
}

TEST(BestFirst, GivesThousandsInOrderWithoutDuplicates) {
  BestFirst list(layer());
  std::set<std::vector<std::int32_t>> seen;
  double last_s = 0;
  for (int i = 0; i < 5000; ++i) {
    const auto solution = list.next();
    ASSERT_TRUE(solution);
    EXPECT_GE(solution->cost_s, last_s);
    EXPECT_TRUE(list.is_ordered(*solution));
    EXPECT_TRUE(seen.insert(solution->chosen).second);
    last_s = solution->cost_s;
  }
}

TEST(BestFirst, GivesTheSameOrderAgain) {
  BestFirst a(layer());
  BestFirst b(layer());
  for (int i = 0; i < 500; ++i) EXPECT_EQ(a.next(), b.next());
}

TEST(BestFirst, BreaksTiesAlikeEachTime) {
  Space space{{{{0, {1, 2, 3}}}}, {0}};
  for (int c = 1; c <= 3; ++c) space.classes.push_back({{1, {}}, {1, {}}, {1, {}}});
  BestFirst a(Diagram::build(space));
  BestFirst b(Diagram::build(space));
  const std::vector<Solution> found = rest_of(a);
  EXPECT_EQ(found.size(), 27u);
  EXPECT_EQ(found, rest_of(b));
}

TEST(BestFirst, ResumesFromTextWhereItWas) {
  const Diagram diagram = small();
  BestFirst list(diagram);
  const std::vector<Solution> all = rest_of(diagram, list.cursor());
  for (int i = 0; i < 40; ++i) list.next();
  const std::string text = list.cursor().to_text();

  const std::vector<Solution> rest = rest_of(diagram, Cursor::parse(text));
  EXPECT_EQ(rest, std::vector<Solution>(all.begin() + 40, all.end()));
}

TEST(BestFirst, EndsAndStaysAtTheEnd) {
  const Diagram diagram = small();
  BestFirst list(diagram);
  EXPECT_EQ(rest_of(list).size(), diagram.count().exact);
  EXPECT_EQ(list.next(), std::nullopt);
  EXPECT_EQ(rest_of(diagram, list.cursor()).size(), 0u);
}

TEST(BestFirst, SplitsWithoutLossOrDuplicates) {
  const Diagram diagram = small();
  BestFirst list(diagram);
  for (int i = 0; i < 7; ++i) list.next();
  const Cursor start = list.cursor();
  std::set<std::vector<std::int32_t>> expected;
  for (const Solution& solution : rest_of(list)) expected.insert(solution.chosen);

  std::set<std::vector<std::int32_t>> seen;
  std::size_t given = 0;
  for (const Cursor& part : start.split(3)) {
    // A part may be split again, and one of those resumed half way.
    for (const Cursor& half : Cursor::parse(part.to_text()).split(2)) {
      BestFirst half_list(diagram, half);
      if (const auto first = half_list.next()) seen.insert(first->chosen), ++given;
      for (const Solution& solution : rest_of(diagram, half_list.cursor())) {
        seen.insert(solution.chosen);
        ++given;
      }
    }
  }
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(given, expected.size());
}

TEST(BestFirst, SplitsIntoListsThatAreEachInOrder) {
  const Diagram diagram = small();
  for (const Cursor& part : BestFirst(diagram).cursor().split(4)) {
    const std::vector<Solution> found = rest_of(diagram, part);
    EXPECT_TRUE(std::is_sorted(found.begin(), found.end(),
                               [](const auto& a, const auto& b) { return a.cost_s < b.cost_s; }));
  }
}

TEST(BestFirst, RefusesACursorOfAnotherSpace) {
  const Cursor other = BestFirst(small()).cursor();
  EXPECT_THROW(BestFirst(layer(), other), Error);
}

TEST(Cursor, RefusesToSplitIntoNothingOrBeyondTheEnd) {
  const Cursor cursor{.next = 5, .step = 2};
  EXPECT_THROW(cursor.split(0), Error);
  EXPECT_EQ(cursor.split(1).front(), cursor);
  EXPECT_THROW((Cursor{.next = 5, .step = ~std::uint64_t{0}}.split(2)), Error);
  EXPECT_THROW((Cursor{.next = ~std::uint64_t{0}, .step = 1}.split(2)), Error);
}

TEST(Cursor, ParsesWhatItWrites) {
  const Cursor cursor = BestFirst(small()).cursor().split(3)[1];
  EXPECT_EQ(Cursor::parse(cursor.to_text()), cursor);
}

TEST(Cursor, RefusesAnyOtherText) {
  const std::string digest = std::string(32, 'a');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "another version"},
      {"paths/2 " + digest + " next=0 step=1", "another version"},
      {"paths/1", "digest"},
      {"paths/1 " + std::string(31, 'a') + " next=0 step=1", "digest"},
      {"paths/1 " + std::string(32, 'g') + " next=0 step=1", "digest"},
      {"paths/1 " + digest, "numbers"},
      {"paths/1 " + digest + " next=0", "numbers"},
      {"paths/1 " + digest + " next=-1 step=1", "numbers"},
      {"paths/1 " + digest + " next=18446744073709551616 step=1", "numbers"},
      {"paths/1 " + digest + " next=0 step=1 ", "numbers"},
      {"paths/1 " + digest + " next=0 step=", "numbers"},
      {"paths/1 " + digest + " step=1 next=0", "numbers"},
      {"paths/1 " + digest + " next=0 step=0", "at least 1"},
      {"paths/1 " + digest + " next=00 step=1", "the one way"},
      {"paths/1 " + std::string(32, 'A') + " next=0 step=1", ""},
      {"paths/1  " + digest + " next=0 step=1", ""},
  };
  for (const auto& [text, reason] : cases) {
    SCOPED_TRACE(text);
    try {
      Cursor::parse(text);
      ADD_FAILURE() << "parsed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      EXPECT_THAT(error.what(), HasSubstr(reason));
    }
  }
}

// Damaged text is refused or means what it says; it never crashes and never reads as the original.
TEST(Cursor, SurvivesDamage) {
  const std::string text = BestFirst(small()).cursor().split(7)[3].to_text();
  Random random(12);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = text;
    for (std::int64_t edits = 1 + random.below(3); edits > 0; --edits) {
      const auto at =
          static_cast<std::size_t>(random.below(static_cast<std::int64_t>(damaged.size())));
      switch (random.below(3)) {
        case 0:
          damaged[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          damaged.erase(at, 1);
          break;
        default:
          damaged.insert(at, 1, static_cast<char>(random.below(256)));
      }
    }
    try {
      EXPECT_EQ(Cursor::parse(damaged).to_text(), damaged);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
    }
  }
}

}  // namespace
}  // namespace paceline::search
