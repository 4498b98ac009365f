#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "tests/scheduler/soundness/harness.h"

namespace paceline {
namespace {

void expect_sound(const test::Soundness& soundness, std::int64_t graphs_min) {
  EXPECT_GE(soundness.graphs, graphs_min);
  EXPECT_TRUE(soundness.disagreements.empty())
      << soundness.disagreements.size() << " disagreements\n"
      << soundness.disagreements_text();
  std::cout << fmt::format("{} graphs, {} nodes, {} rules fired\n", soundness.graphs,
                           soundness.nodes, soundness.fired.size());
}

TEST(Soundness, HoldsOnTheModels) { expect_sound(test::soundness_on_models(), 9); }
TEST(Soundness, HoldsOnTheExports) { expect_sound(test::soundness_on_exports(), 6); }
TEST(Soundness, HoldsOnAThousandRandomGraphs) {
  expect_sound(test::soundness_on_random_graphs(), 1000);
}
TEST(Soundness, HoldsOnNearMissesOfEveryRule) { expect_sound(test::soundness_on_mutants(), 100); }

TEST(Soundness, CoversMostRules) {
  test::Soundness all;
  for (const test::Soundness* part :
       {&test::soundness_on_models(), &test::soundness_on_exports(),
        &test::soundness_on_random_graphs(), &test::soundness_on_mutants()}) {
    all.add(*part);
  }
  EXPECT_GE(all.fired.size(), 60u);
  for (const std::string& name : test::names_of(test::all_rules())) {
    if (!all.fired.contains(name)) std::cout << "never fired: " << name << "\n";
  }
}

}  // namespace
}  // namespace paceline
