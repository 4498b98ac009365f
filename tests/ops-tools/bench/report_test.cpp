#include "ops-tools/bench/report.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace paceline::bench {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Report with(Row row, const char* phase) {
  row.title = "Peer";
  row.phases[phase] = {.seconds = {.median_s = 1, .low_s = 1, .high_s = 1}, .rounds = {1}};
  return {.model = "m", .rounds = 1, .rows = {std::move(row)}};
}

TEST(BenchReport, ShowsAnotherAnswerThatHasNoFigure) {
  Row row;
  row.answer = {.differs = true, .where = "it has no output y"};
  const Report report = with(row, "run");

  EXPECT_THAT(to_text(report), HasSubstr("OTHER ANSWER"));
  EXPECT_THAT(to_text(report), HasSubstr("Peer gives another answer: it has no output y"));
  EXPECT_EQ(to_json(report)["rows"][0]["other_answer"], "it has no output y");
}

TEST(BenchReport, ShowsHowManyTokensAreAlike) {
  Row row;
  row.answer.tokens_alike = 65;
  Report report = with(row, "decode");
  report.tokens_per_prefill = 7;

  EXPECT_THAT(to_text(report), HasSubstr("65 tokens alike"));
  EXPECT_THAT(to_text(report), Not(HasSubstr("another answer")));
  EXPECT_EQ(to_json(report)["rows"][0]["tokens_alike"], 65);
  EXPECT_FALSE(to_json(report)["rows"][0].contains("other_answer"));
  EXPECT_EQ(to_json(report)["tokens_per_prefill"], 7);
}

TEST(BenchReport, OfPassesKnowsNoTokens) {
  EXPECT_FALSE(to_json(with(Row(), "run")).contains("tokens_per_prefill"));
}

}  // namespace
}  // namespace paceline::bench
