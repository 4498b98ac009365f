#include "scheduler/choose/raced_paths.h"

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class FinalistsTest : public ::testing::Test {
 protected:
  // A row of the sitting that ended then.
  PathId row(int finished_s, double seconds, double error, Outcome outcome = Outcome::ok) {
    PathMeasurement row;
    row.path = PathId::random();
    row.outcome = outcome;
    row.samples_s = {seconds, seconds};
    row.blocks = {0, 1};
    row.summary = summarize(row.samples_s, row.blocks);
    row.error_relative = error;
    row.finished = Time(std::chrono::seconds(finished_s));
    rows_.insert(rows_.begin(), row);
    return row.path;
  }
  PathId best(double tolerance) { return finalists_of(rows_, tolerance).at(0).path; }

  std::vector<PathMeasurement> rows_;
};

TEST_F(FinalistsTest, AreOfTheNewestSitting) {
  row(1, 1, 1e-7);
  const PathId newer = row(2, 2, 1e-7);
  EXPECT_EQ(best(1e-5), newer);
  EXPECT_THAT(finalists_of(rows_, 1e-5), SizeIs(1));
}

TEST_F(FinalistsTest, AreOfTheSittingThatWasHeldForTheTolerance) {
  const PathId narrow = row(1, 1, 1e-3);
  row(1, 2, 1e-7);
  const PathId wide = row(2, 1.5, 1e-7);
  EXPECT_EQ(best(1e-2), narrow);
  EXPECT_EQ(best(1e-5), wide);
  row(3, 1, 1e-3);
  row(3, 2, 1e-7);
  EXPECT_EQ(best(1e-5), wide);
}

// What the default path of halves is off by for rounding, others may be off by, too.
TEST_F(FinalistsTest, OfHalvesMayBeOffByTheDefaultsRounding) {
  const PathId standing = row(1, 2, 0.03);
  rows_.front().method = path_method_unrounded_default;
  const PathId fused = row(1, 1, 0.036);
  rows_.front().method = path_method_unrounded;
  row(1, 0.5, 0.04);
  rows_.front().method = path_method_unrounded;
  EXPECT_EQ(best(2e-2), fused);
  EXPECT_THAT(finalists_of(rows_, 2e-2), SizeIs(2));
  EXPECT_EQ(finalists_of(rows_, 2e-2).at(1).path, standing);
}

TEST_F(FinalistsTest, AreOfTheNewestWhereNoneWasHeldForTheTolerance) {
  const PathId wide = row(1, 1, 1e-7);
  EXPECT_EQ(best(1e-2), wide);
  row(2, 1, 1e-3);
  const PathId beside = row(2, 2, 1e-7);
  EXPECT_EQ(best(1e-5), wide);
  rows_.pop_back();
  EXPECT_EQ(best(1e-5), beside);
}

// A promise holds for inputs that nobody saw, too.
TEST_F(FinalistsTest, LeaveATenthOfAWideTolerance) {
  row(1, 1, 9.5e-3);
  const PathId within = row(1, 2, 8.9e-3);
  EXPECT_EQ(best(1e-2), within);
  const PathId narrow = row(2, 1, 9.9e-6);
  row(2, 2, 1e-7);
  EXPECT_EQ(best(1e-5), narrow);
}

TEST_F(FinalistsTest, AreNoneWhereNothingRanAndAnErrorWhereNothingFits) {
  EXPECT_THAT(finalists_of(rows_, 1e-5), IsEmpty());
  row(1, 1, 1e-3);
  EXPECT_THROW(finalists_of(rows_, 1e-5), Error);
}

class WinnerTest : public ::testing::Test {
 protected:
  // A finalist of one sitting whose blocks take so long.
  PathId row(double seconds, std::optional<std::int64_t> bytes) {
    PathMeasurement row;
    row.path = PathId::random();
    for (int block = 0; block < 15; ++block) {
      row.samples_s.push_back(seconds * (1 + 1e-4 * block));
      row.blocks.push_back(block);
    }
    row.summary = summarize(row.samples_s, row.blocks);
    row.activation_bytes = bytes;
    row.finished = Time(std::chrono::seconds(1));
    rows_.push_back(row);
    return row.path;
  }
  PathId winner() {
    std::ranges::stable_sort(rows_, {}, [](const auto& row) { return row.summary.median_s; });
    return winner_of(rows_, std::vector{standing_}).path;
  }

  static constexpr std::int64_t mebi = 1 << 20;
  std::vector<PathMeasurement> rows_;
  PathId standing_ = row(10, 9 * mebi);
};

TEST_F(WinnerTest, IsTheFastestWhereMemoryIsAlike) {
  row(9, 9 * mebi);
  const PathId fastest = row(8, 10 * mebi);
  EXPECT_EQ(winner(), fastest);
}

TEST_F(WinnerTest, PaysForMemoryWithSpeed) {
  row(8.7, 30 * mebi);
  EXPECT_EQ(winner(), standing_);
  const PathId quick = row(8, 30 * mebi);
  EXPECT_EQ(winner(), quick);
  const PathId lean = row(8.5, 9 * mebi);
  EXPECT_EQ(winner(), lean);
}

TEST_F(WinnerTest, MayBeLeanerAndAsFast) {
  const PathId lean = row(10, 2 * mebi);
  EXPECT_EQ(winner(), lean);
}

TEST_F(WinnerTest, MindsNoMemoryThatIsSmall) {
  rows_[0].activation_bytes = 0;
  const PathId quick = row(9.5, mebi / 8);
  EXPECT_EQ(winner(), quick);
}

TEST_F(WinnerTest, MindsNoMemoryWhereSomeIsNotKnown) {
  rows_[0].activation_bytes = std::nullopt;
  const PathId heavy = row(9, 900 * mebi);
  EXPECT_EQ(winner(), heavy);
}

}  // namespace
}  // namespace paceline
