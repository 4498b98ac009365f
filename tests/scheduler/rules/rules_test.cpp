#include "scheduler/rules/rules.h"

#include <gmock/gmock.h>

#include <set>

#include "common/ops/all_ops.h"
#include "tests/scheduler/rules/saturate.h"

namespace paceline::test {
namespace {

TEST(Rules, AreManyWithNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const egraph::Rule& rule : rules::all_rules()) {
    EXPECT_TRUE(names.insert(rule.name).second) << rule.name;
  }
  EXPECT_GE(names.size(), 60u);
}

TEST(Rules, Compile) { EXPECT_GE(every_rule().compiled.size(), 60u); }

// Each alone, in the example that stands beside it, with every merge evaluated on random inputs.
TEST(Rules, FireInTheirExamplesAndAreRight) {
  for (const egraph::Rule& rule : rules::all_rules()) {
    for (const std::uint64_t seed : {1, 2, 3}) {
      SCOPED_TRACE(rule.name);
      try {
        const Saturated saturated = saturate(rule.example, only(rule), {.seed = seed});
        const egraph::RuleReport* report = saturated.report.find(rule.name);
        EXPECT_GT(report->matches, 0) << rule.left;
        EXPECT_GT(report->matches, report->refused) << report->refusal;
        EXPECT_GT(report->applied, 0) << report->refusal;
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

// NaN, infinities and large numbers, for those that claim to hold for them.
TEST(Rules, ThatAreExactHoldForSpecialNumbers) {
  for (const egraph::Rule& rule : rules::all_rules()) {
    if (rule.precision != Precision::exact) continue;
    for (const std::uint64_t seed : {1, 2, 3, 4}) {
      SCOPED_TRACE(rule.name);
      try {
        saturate(rule.example, only(rule), {.seed = seed, .specials = true});
      } catch (const Error& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace paceline::test
