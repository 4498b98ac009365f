#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/base/random.h"
#include "tests/support/evaluate.h"

// Reshape, permute, slice and broadcast: inference, and where their elements lie.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;
using test::call;
using test::doubles;
using test::infer_text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const Dim B = Dim::symbol("B");
const Dim N = Dim::symbol("N");

StridedShape dense(const Shape& shape) { return {shape, row_major_strides(shape), 0}; }

// The view of `source` by an op; the dtype plays no part.
std::optional<StridedShape> view_of(std::string_view name, const StridedShape& source,
                                    const Attributes& attributes) {
  const Op& op = test::op(name);
  const std::vector<TensorType> types{{Dtype::f32, source.shape}};
  const Attributes complete = attributes.complete(name, op.attributes);
  infer_types(op, types, complete);
  return op.view(source, {types, complete});
}

std::optional<StridedShape> reshape(const StridedShape& source, const Shape& shape) {
  return view_of("reshape", source, {{"shape", shape}});
}

StridedShape permute(const StridedShape& source, const Integers& order) {
  return *view_of("permute", source, {{"order", order}});
}

// Offsets of all elements, in row-major order.
std::vector<std::int64_t> offsets(const StridedShape& view, const Bindings& bindings = {}) {
  std::vector<std::int64_t> result{view.offset.evaluate(bindings)};
  for (std::size_t axis = 0; axis < view.shape.size(); ++axis) {
    std::vector<std::int64_t> longer;
    for (const std::int64_t first : result) {
      for (std::int64_t i = 0; i < view.shape[axis].evaluate(bindings); ++i) {
        longer.push_back(first + i * view.strides[axis].evaluate(bindings));
      }
    }
    result = std::move(longer);
  }
  return result;
}

TEST(Reshape, SplitsAndMergesSymbolicAxes) {
  EXPECT_EQ(infer_text("reshape", {{Dtype::f32, {B, N, 64}}}, {{"shape", Shape{B, N, 4, 16}}}),
            "f32[B,N,4,16]");
  EXPECT_EQ(infer_text("reshape", {{Dtype::f32, {B, N, 4, 16}}}, {{"shape", Shape{B * N, 64}}}),
            "f32[B*N,64]");
}

TEST(Reshape, RefusesAnotherElementCount) {
  EXPECT_THAT(
      [] {
        test::infer("reshape", {{Dtype::f32, {B, 6}}}, {{"shape", Shape{B, 4}}});
      },
      ThrowsMessage<Error>(HasSubstr("element counts differ: [B,6] and [B,4]")));
}

TEST(Reshape, RefusesNegativeExtents) {
  EXPECT_THAT(
      [] {
        test::infer("reshape", {{Dtype::f32, {6}}}, {{"shape", Shape{-2, -3}}});
      },
      ThrowsMessage<Error>(HasSubstr("an extent is negative: [-2,-3]")));
}

TEST(Reshape, OfDenseSymbolsIsAView) {
  const auto view = reshape(dense({B, N, 64}), {B, N, 4, 16});
  ASSERT_TRUE(view);
  EXPECT_THAT(view->strides, ElementsAre(N * 64, 64, 16, 1));
  EXPECT_TRUE(reshape(dense({B, N, 64}), {N, B, 64}));
}

TEST(Reshape, SplitsAPermutedAxis) {
  const StridedShape heads = permute(dense({B, N, 64}), {0, 2, 1});
  const auto view = reshape(heads, {B, 4, 16, N});
  ASSERT_TRUE(view);
  EXPECT_THAT(view->strides, ElementsAre(N * 64, 16, 1, 64));
}

TEST(Reshape, NeedsACopyToMergePermutedAxes) {
  EXPECT_FALSE(reshape(permute(dense({B, 4, N, 16}), {0, 2, 1, 3}), {B, N, 64}));
  EXPECT_FALSE(reshape(permute(dense({2, 3}), {1, 0}), {6}));
}

TEST(Reshape, MergesTheAxesOfABroadcast) {
  const auto scalar = view_of("broadcast", dense({}), {{"shape", Shape{2, 3}}});
  const auto view = reshape(*scalar, {6});
  ASSERT_TRUE(view);
  EXPECT_THAT(view->strides, ElementsAre(0));
}

TEST(Reshape, PassesOverAxesOfExtentOne) {
  const auto view = reshape(permute(dense({1, 5, 1, 3}), {1, 0, 2, 3}), {15, 1});
  ASSERT_TRUE(view);
  EXPECT_EQ(view->strides[0], 1);
  EXPECT_TRUE(reshape(dense({1, 1}), {}));
  EXPECT_TRUE(reshape(dense({}), {1, 1, 1}));
}

TEST(Reshape, OfNothingIsAView) {
  EXPECT_TRUE(reshape(permute(dense({2, 0, 3}), {2, 0, 1}), {0, 6}));
}

// Numpy's rule, found by trying: a view exists when the offsets, in order, are those of some
// strides.
bool is_strided(const std::vector<std::int64_t>& wanted, const Shape& shape) {
  StridedShape guess{shape, std::vector<Dim>(shape.size(), 0), wanted.front()};
  std::int64_t inner = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const std::int64_t extent = *shape[axis].constant();
    if (extent > 1) guess.strides[axis] = wanted[inner] - wanted[0];
    inner *= extent;
  }
  return offsets(guess) == wanted;
}

TEST(Reshape, IsAViewWheneverStridesCanSayIt) {
  Random random(7);
  const std::vector<Shape> shapes = {
      {24},      {2, 12},   {12, 2}, {4, 6},  {6, 4},     {3, 8},    {2, 3, 4},    {4, 3, 2},
      {3, 2, 4}, {2, 2, 6}, {1, 24}, {24, 1}, {2, 1, 12}, {1, 4, 6}, {2, 2, 2, 3}, {3, 2, 2, 2}};
  int views = 0;
  for (int round = 0; round < 2000; ++round) {
    const auto pick = [&] { return shapes[random.below(std::ssize(shapes))]; };
    StridedShape source = dense(pick());
    Integers order(source.shape.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = static_cast<std::int64_t>(i);
      std::swap(order[i], order[random.below(static_cast<std::int64_t>(i) + 1)]);
    }
    source = permute(source, order);
    for (Dim& stride : source.strides) stride = random.below(6) == 0 ? Dim(0) : stride;
    const Shape target = pick();
    const auto view = reshape(source, target);
    EXPECT_EQ(view.has_value(), is_strided(offsets(source), target))
        << to_string(source.shape) << " to " << to_string(target);
    if (view) {
      EXPECT_EQ(offsets(*view), offsets(source));
    }
    views += view.has_value();
  }
  EXPECT_GT(views, 200);
  EXPECT_LT(views, 1800);
}

TEST(Permute, MovesStridesWithTheirAxes) {
  const StridedShape view = permute(dense({B, N, 4, 16}), {0, 2, 1, -1});
  EXPECT_THAT(view.shape, ElementsAre(B, 4, N, 16));
  EXPECT_THAT(view.strides, ElementsAre(N * 64, 16, 64, 1));
}

TEST(Permute, RefusesAnOrderThatIsNone) {
  const TensorType x{Dtype::f32, {2, 3}};
  EXPECT_THAT(
      [&] {
        test::infer("permute", {x}, {{"order", Integers{0, 0}}});
      },
      ThrowsMessage<Error>(HasSubstr("axis 0 is given twice")));
  EXPECT_THAT(
      [&] {
        test::infer("permute", {x}, {{"order", Integers{1}}});
      },
      ThrowsMessage<Error>(HasSubstr("the order names 1 of 2 axes")));
}

Attributes slicing(const Dim& start, const Dim& stop, std::int64_t step = 1) {
  return {{"axis", 0}, {"start", start}, {"stop", stop}, {"step", step}};
}

TEST(Slice, TakesEveryStepBeforeStop) {
  const Tensor x = doubles({7}, {0, 1, 2, 3, 4, 5, 6});
  EXPECT_THAT(call("slice", {x}, slicing(1, 7, 3)).to_doubles(), ElementsAre(1, 4));
  EXPECT_THAT(call("slice", {x}, slicing(0, 7, 3)).to_doubles(), ElementsAre(0, 3, 6));
  EXPECT_THAT(call("slice", {x}, slicing(6, -1, -2)).to_doubles(), ElementsAre(6, 4, 2, 0));
  EXPECT_THAT(call("slice", {x}, slicing(3, 3)).to_doubles(), ElementsAre());
  EXPECT_THAT(call("slice", {x}, slicing(7, 7)).to_doubles(), ElementsAre());
}

TEST(Slice, InfersOverSymbols) {
  const TensorType x{Dtype::f32, {N, 8}};
  EXPECT_EQ(infer_text("slice", {x}, slicing(N - 1, N)), "f32[1,8]");
  EXPECT_EQ(infer_text("slice", {x}, slicing(2, N)), "f32[N-2,8]");
  EXPECT_EQ(infer_text("slice", {{Dtype::f32, {2 * N}}}, slicing(0, 2 * N, 2)), "f32[N]");
}

TEST(Slice, KeepsSymbolsInOffsetAndStrides) {
  const auto view =
      view_of("slice", dense({B, N, 8}), {{"axis", 1}, {"start", N - 1}, {"stop", N}, {"step", 1}});
  EXPECT_EQ(view->offset, (N - 1) * 8);
  EXPECT_THAT(view->strides, ElementsAre(N * 8, 8, 1));
}

TEST(Slice, RefusesBoundsThatLieOutside) {
  const TensorType x{Dtype::f32, {5}};
  EXPECT_THAT([&] { test::infer("slice", {x}, slicing(0, 6)); },
              ThrowsMessage<Error>(HasSubstr("stop = 6 lies outside [0, 5]")));
  EXPECT_THAT([&] { test::infer("slice", {x}, slicing(-1, 2)); },
              ThrowsMessage<Error>(HasSubstr("start = -1 lies outside [0, 5]")));
  EXPECT_THAT([&] { test::infer("slice", {x}, slicing(5, -1, -1)); },
              ThrowsMessage<Error>(HasSubstr("start = 5 lies outside [0, 4]")));
  EXPECT_THAT([&] { test::infer("slice", {x}, slicing(0, 5, 0)); },
              ThrowsMessage<Error>(HasSubstr("the step may be neither 0")));
  EXPECT_THAT(
      [&] {
        test::infer("slice", {{Dtype::f32, {N}}}, slicing(0, N, 2));
      },
      ThrowsMessage<Error>(HasSubstr("a step of 2 must divide the symbolic distance N")));
}

TEST(Broadcast, RepeatsByStrideZero) {
  const auto view = view_of("broadcast", dense({N, 1}), {{"shape", Shape{B, N, 8}}});
  EXPECT_THAT(view->strides, ElementsAre(0, 1, 0));
}

TEST(Broadcast, RefusesWhatNumpyRefuses) {
  EXPECT_THAT(
      [] {
        test::infer("broadcast", {{Dtype::f32, {3}}}, {{"shape", Shape{3, 2}}});
      },
      ThrowsMessage<Error>(HasSubstr("[3] does not broadcast to [3,2]")));
  EXPECT_THAT(
      [] {
        test::infer("broadcast", {{Dtype::f32, {2, 3}}}, {{"shape", Shape{3}}});
      },
      ThrowsMessage<Error>(HasSubstr("[2,3] does not broadcast to [3]")));
  EXPECT_THAT(
      [] {
        test::infer("broadcast", {{Dtype::f32, {N}}}, {{"shape", Shape{B}}});
      },
      ThrowsMessage<Error>(HasSubstr("[N] does not broadcast to [B]")));
}

}  // namespace
}  // namespace paceline
