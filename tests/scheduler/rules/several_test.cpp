#include <gtest/gtest.h>

#include "tests/scheduler/rules/saturate.h"

// Rules in code, which look at several readers of one value.
namespace paceline::test {
namespace {

TEST(JoinLinears, MakesOneProductOfThree) {
  EXPECT_TRUE(
      proves("input x: f64[2,3,4] weight q: f64[6,4] weight k: f64[2,4] weight v: f64[2,4] "
             "a = linear(x, q) b = linear(x, k) c = linear(x, v) output b = b output a = a "
             "output c = c",
             "input x: f64[2,3,4] weight q: f64[6,4] weight k: f64[2,4] weight v: f64[2,4] "
             "w = concat(q, k, v, axis=-2) j = linear(x, w) y = slice(j, axis=-1, start=6, stop=8) "
             "output y = y"));
}

TEST(JoinLinears, LeavesProductsOfDifferentValues) {
  EXPECT_FALSE(
      lifts_to("input x: f64[3,4] input z: f64[3,4] weight q: f64[6,4] weight k: f64[2,4] "
               "a = linear(x, q) b = linear(z, k) output a = a output b = b",
               "slice"));
}

TEST(LiftAddNorm, GivesTheSumToo) {
  const char* start =
      "input x: f64[3,4] input z: f64[3,4] weight w: f64[4] s = add(x, z) n = rms_norm(s, w) ";
  EXPECT_TRUE(lifts_to(std::string(start) + "output s = s output n = n", "add_rms_norm"));
  EXPECT_TRUE(lifts_to(std::string(start) + "output n = n output s = s", "add_rms_norm"));
}

}  // namespace
}  // namespace paceline::test
