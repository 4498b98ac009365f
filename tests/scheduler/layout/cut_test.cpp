#include "scheduler/layout/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace paceline::layout {
namespace {

using testing::ElementsAre;

TEST(Cut, TakesTheCheaperSideOfEachThing) {
  Cut cut;
  const int a = cut.add(), b = cut.add();
  cut.separate(a, Cut::second, 3);  // On the first side.
  cut.separate(Cut::first, a, 2);   // On the second.
  cut.separate(b, Cut::second, 1);
  cut.separate(Cut::first, b, 2);
  EXPECT_THAT(cut.solve(), ElementsAre(false, true, true, false));
}

TEST(Cut, KeepsNeighboursTogetherWhenPartingCostsMore) {
  Cut cut;
  const int a = cut.add(), b = cut.add();
  cut.separate(a, Cut::second, 3);
  cut.separate(Cut::first, a, 1);
  cut.separate(b, Cut::second, 1);
  cut.separate(Cut::first, b, 2);
  cut.separate(a, b, 5);
  cut.separate(b, a, 5);
  EXPECT_THAT(cut.solve(), ElementsAre(false, true, true, true));
}

TEST(Cut, NeverPaysWhatIsInfinite) {
  Cut cut;
  const int a = cut.add(), b = cut.add();
  cut.separate(Cut::first, a, 100);
  cut.separate(a, b, std::numeric_limits<double>::infinity());
  cut.separate(b, Cut::second, 1);
  cut.separate(Cut::first, b, 7);
  cut.separate(a, Cut::second, 2);
  // a on the second side would cost 100, so both stay on the first: 3.
  EXPECT_THAT(cut.solve(), ElementsAre(false, true, false, false));
}

TEST(Cut, OfNothingIsEmpty) { EXPECT_THAT(Cut().solve(), ElementsAre(false, true)); }

}  // namespace
}  // namespace paceline::layout
