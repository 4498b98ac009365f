#include <gtest/gtest.h>

#include <fmt/format.h>

#include "scheduler/rules/families.h"
#include "scheduler/rules/sight.h"
#include "tests/scheduler/rules/saturate.h"

// What masks say by positions, however they are written.
namespace paceline::test {
namespace {

const Bindings sizes{{"N", 5}, {"past", 2}};

// The mask `m` of a graph whose positions are `kb` (keys) and `qb` (queries), i64[N,past+N].
std::optional<rules::PositionMask> read(std::string_view body) {
  const Saturated saturated = saturate(
      rules::graph(fmt::format("ki = iota(extent=past+N) kb = broadcast(ki, shape=[N,past+N]) "
                               "qi = iota(start=past, extent=N) qr = reshape(qi, shape=[N,1]) "
                               "qb = broadcast(qr, shape=[N,past+N]) constant k3: i64[] = 3 "
                               "c3 = broadcast(k3, shape=[N,past+N]) near = sub(qb, c3) "
                               "far = add(qb, c3) {} output m = m",
                               body)),
      {}, {.bindings = sizes});
  return rules::position_mask(*saturated.graph, saturated.outputs[0], Dim::symbol("N"),
                              Dim::symbol("past") + Dim::symbol("N"));
}

void expect(std::string_view body, bool is_causal, std::int64_t window) {
  const auto mask = read(body);
  ASSERT_TRUE(mask) << body;
  EXPECT_EQ(mask->is_causal, is_causal) << body;
  EXPECT_EQ(mask->window, window) << body;
}

TEST(PositionMask, ReadsComparisonsEitherWayRound) {
  expect("m = less_equal(kb, qb)", true, 0);
  expect("m = greater_equal(qb, kb)", true, 0);
  expect("h = greater(kb, qb) m = logical_not(h)", true, 0);
  expect("one = sub(kb, qb) z = sub(qb, qb) m = less_equal(kb, qb)", true, 0);
}

TEST(PositionMask, ReadsWindows) {
  expect("a = less_equal(kb, qb) b = greater(kb, near) m = logical_and(a, b)", true, 3);
  expect("a = greater(kb, qb) b = less_equal(kb, near) h = logical_or(a, b) m = logical_not(h)",
         true, 3);
  expect("a = less(kb, far) b = greater(kb, near) m = logical_and(a, b)", false, 3);
}

TEST(PositionMask, ReadsNumbersToBeAdded) {
  const std::string numbers =
      "constant kz: f32[] = 0 z = broadcast(kz, shape=[N,past+N]) constant kl: f32[] = -1e9 "
      "l = broadcast(kl, shape=[N,past+N]) ";
  expect(numbers + "a = less_equal(kb, qb) m = where(a, z, l)", true, 0);
  expect(numbers + "a = greater(kb, qb) m = where(a, l, z)", true, 0);
  EXPECT_FALSE(read(numbers + "a = greater(kb, qb) m = where(a, z, l)"));
}

TEST(PositionMask, LeavesWhatAttributesCannotSay) {
  EXPECT_FALSE(read("m = less(kb, qb)"));
  EXPECT_FALSE(read("m = less_equal(kb, far)"));
  EXPECT_FALSE(read("m = greater(kb, near)"));
  EXPECT_FALSE(read("a = less_equal(kb, qb) b = less_equal(kb, near) m = logical_or(a, b)"));
  EXPECT_FALSE(read("a = less(kb, far) b = greater_equal(kb, near) m = logical_and(a, b)"));
}

// As folding leaves positions whose extents are known, of a mask too large to be folded itself.
TEST(PositionMask, ReadsPositionsThatAreConstants) {
  constexpr int count = 70;
  const auto read_rows = [&](std::int64_t last_row) {
    std::string keys, rows;
    for (int i = 0; i < count; ++i) {
      keys += fmt::format("{}{}", i == 0 ? "" : ",", i);
      rows += fmt::format("{}{}", i == 0 ? "" : ",", i + 1 < count ? i : last_row);
    }
    const Saturated saturated =
        saturate(rules::graph(fmt::format(
                     "constant k: i64[{0}] = [{1}] kb = broadcast(k, shape=[{0},{0}]) "
                     "constant q: i64[{0},1] = [{2}] kq = broadcast(q, shape=[{0},{0}]) "
                     "m = less_equal(kb, kq) output m = m",
                     count, keys, rows)),
                 {});
    return rules::position_mask(*saturated.graph, saturated.outputs[0], count, count);
  };
  const auto mask = read_rows(count - 1);
  ASSERT_TRUE(mask);
  EXPECT_TRUE(mask->is_causal);
  EXPECT_EQ(mask->window, 0);
  EXPECT_FALSE(read_rows(count - 2));
}

// Elements of bool[3,4]: queries stand one behind.
std::optional<rules::PositionMask> read_elements(std::string_view elements) {
  const Saturated saturated = saturate(
      rules::graph(fmt::format("constant m: bool[3,4] = [{}] output m = m", elements)), {});
  return rules::position_mask(*saturated.graph, saturated.outputs[0], 3, 4);
}

TEST(PositionMask, ReadsElementsOfConstants) {
  const auto mask = read_elements("true,true,false,false,true,true,true,false,true,true,true,true");
  ASSERT_TRUE(mask);
  EXPECT_TRUE(mask->is_causal);
  EXPECT_EQ(mask->window, 0);
  EXPECT_FALSE(read_elements("true,true,false,false,true,false,true,false,true,true,true,true"));
  EXPECT_FALSE(read_elements("true,false,false,false,true,true,false,false,true,true,true,false"));
}

}  // namespace
}  // namespace paceline::test
