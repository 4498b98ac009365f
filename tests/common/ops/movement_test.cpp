#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/evaluate.h"

// Ops that copy elements: concat, pad, gather, embedding, iota, update_slice.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;
using test::call;
using test::doubles;
using test::infer_text;
using test::integers;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Dim N = Dim::symbol("N");

TEST(Concat, JoinsAlongItsAxis) {
  const Tensor a = doubles({2, 1}, {1, 2});
  const Tensor b = doubles({2, 2}, {3, 4, 5, 6});
  EXPECT_THAT(call("concat", {a, b}, {{"axis", -1}}).to_doubles(), ElementsAre(1, 3, 4, 2, 5, 6));
}

TEST(Concat, AddsSymbolicExtents) {
  const Dim past = Dim::symbol("past");
  EXPECT_EQ(infer_text("concat", {{Dtype::f32, {past, 8}}, {Dtype::f32, {N, 8}}}, {{"axis", 0}}),
            "f32[N+past,8]");
}

TEST(Concat, RefusesShapesThatDifferElsewhere) {
  EXPECT_THAT(
      [] {
        test::infer("concat", {{Dtype::f32, {2, 3}}, {Dtype::f32, {2, 4}}}, {{"axis", 0}});
      },
      ThrowsMessage<Error>(HasSubstr("shapes differ beside axis 0: f32[2,3] and f32[2,4]")));
}

TEST(Pad, SurroundsWithTheValue) {
  const Tensor x = doubles({1, 2}, {1, 2});
  const Tensor out =
      call("pad", {x}, {{"low", Integers{1, 0}}, {"high", Integers{0, 1}}, {"value", 9.0}});
  EXPECT_EQ(out.extents(), (Extents{2, 3}));
  EXPECT_THAT(out.to_doubles(), ElementsAre(9, 9, 9, 1, 2, 9));
}

TEST(Pad, RefusesNegativeAmountsAndMissingAxes) {
  const TensorType x{Dtype::f32, {N, 3}};
  EXPECT_THAT(
      [&] {
        test::infer("pad", {x}, {{"low", Integers{-1, 0}}, {"high", Integers{0, 0}}});
      },
      ThrowsMessage<Error>(HasSubstr("padding may not be negative (use slice): -1")));
  EXPECT_THAT(
      [&] {
        test::infer("pad", {x}, {{"low", Integers{1}}, {"high", Integers{0, 0}}});
      },
      ThrowsMessage<Error>(HasSubstr("need 2 entries")));
}

TEST(Gather, TakesRowsOfAnyAxis) {
  const Tensor x = doubles({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(call("gather", {x, integers({1}, {1})}).to_doubles(), ElementsAre(4, 5, 6));
  EXPECT_THAT(call("gather", {x, integers({2}, {2, 0})}, {{"axis", 1}}).to_doubles(),
              ElementsAre(3, 1, 6, 4));
}

TEST(Gather, PutsTheAxesOfTheIndicesInPlaceOfItsOwn) {
  EXPECT_EQ(infer_text("gather", {{Dtype::f32, {2, 5, 3}}, {Dtype::i32, {N, 4}}}, {{"axis", 1}}),
            "f32[2,N,4,3]");
}

TEST(Gather, RefusesAnIndexOutOfRangeByName) {
  const Tensor x = doubles({3}, {1, 2, 3});
  EXPECT_THAT(
      [&] {
        call("gather", {x, integers({2}, {0, 3})});
      },
      ThrowsMessage<Error>(HasSubstr("gather: index 3 at position 1 lies outside [0, 3)")));
  EXPECT_THAT(
      [&] {
        call("gather", {x, integers({1}, {-1})});
      },
      ThrowsMessage<Error>(HasSubstr("index -1 at position 0")));
}

TEST(Gather, RefusesIndicesThatAreNone) {
  EXPECT_THAT(
      [] {
        test::infer("gather", {{Dtype::f32, {3}}, {Dtype::f32, {2}}});
      },
      ThrowsMessage<Error>(HasSubstr("expected i64, i32: f32[2]")));
}

TEST(Embedding, RefusesAnIdOutOfRangeByName) {
  const Tensor table = doubles({2, 1}, {1, 2});
  EXPECT_THAT(call("embedding", {integers({2}, {1, 0}), table}).to_doubles(), ElementsAre(2, 1));
  EXPECT_THAT(
      [&] {
        call("embedding", {integers({1}, {2}), table});
      },
      ThrowsMessage<Error>(HasSubstr("embedding: id 2 at position 0 lies outside [0, 2)")));
}

TEST(Iota, CountsFromItsStart) {
  EXPECT_THAT(call("iota", {}, {{"start", Dim(-1)}, {"extent", Dim(3)}}).to_doubles(),
              ElementsAre(-1, 0, 1));
  EXPECT_EQ(infer_text("iota", {}, {{"start", N}, {"extent", 2 * N}, {"dtype", Dtype::f32}}),
            "f32[2*N]");
  EXPECT_THAT(
      [] {
        test::infer("iota", {}, {{"extent", Dim(-2)}});
      },
      ThrowsMessage<Error>(HasSubstr("an extent is negative: [-2]")));
}

TEST(UpdateSlice, ReplacesRowsFromStart) {
  const Tensor target = doubles({4}, {1, 2, 3, 4});
  EXPECT_THAT(call("update_slice", {target, doubles({2}, {8, 9})}, {{"axis", 0}, {"start", Dim(1)}})
                  .to_doubles(),
              ElementsAre(1, 8, 9, 4));
}

TEST(UpdateSlice, RefusesRowsBeyondTheTarget) {
  EXPECT_THAT(
      [] {
        test::infer("update_slice", {{Dtype::f32, {4, 2}}, {Dtype::f32, {2, 2}}},
                    {{"axis", 0}, {"start", Dim(3)}});
      },
      ThrowsMessage<Error>(HasSubstr("rows 3 to 5 do not lie within axis 0 of f32[4,2]")));
}

TEST(UpdateSlice, MovesOnlyTheUpdate) {
  const Op& op = test::op("update_slice");
  const std::vector<TensorType> in{{Dtype::f32, {1000, 2}}, {Dtype::f32, {1, 2}}};
  EXPECT_EQ(op.work({in, {{"axis", 0}, {"start", Dim(0)}}}).bytes, 2 * 8);
}

}  // namespace
}  // namespace paceline
