#include "common/graph/tensor.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

Tensor doubles(const std::vector<double>& elements) {
  return Tensor::of<double>({static_cast<std::int64_t>(elements.size())}, elements);
}

TEST(Tensor, StartsZeroedAndAligned) {
  const Tensor tensor(Dtype::f32, {3, 5});
  EXPECT_THAT(tensor.to_doubles(), Each(0));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u);
  EXPECT_EQ(tensor.size_bytes(), 60u);
}

TEST(Tensor, MayHaveNoElements) {
  const Tensor tensor(Dtype::f32, {3, 0});
  EXPECT_TRUE(tensor.to_doubles().empty());
  EXPECT_TRUE(tensor.cast(Dtype::i8).to_doubles().empty());
}

TEST(Tensor, SharesItsElementsUnlessCloned) {
  Tensor tensor = doubles({1, 2});
  const Tensor shared = tensor;
  const Tensor cloned = tensor.clone();
  tensor.as<double>()[0] = 9;
  EXPECT_EQ(shared.as<double>()[0], 9);
  EXPECT_EQ(cloned.as<double>()[0], 1);
}

TEST(Tensor, RefusesACountThatDoesNotFit) {
  EXPECT_THROW(Tensor::of<float>({2, 2}, {1, 2, 3}), Error);
}

TEST(Tensor, RefusesMoreThanThereIs) {
  try {
    Tensor(Dtype::f64, {INT64_MAX / 4});
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::exhausted);
  }
}

TEST(Tensor, CastsFloatsToIntegersByTruncationAndSaturation) {
  const Tensor from = doubles({1.9, -1.9, 300, -300, nan, infinity, -infinity});
  EXPECT_THAT(from.cast(Dtype::i8).to_doubles(), ElementsAre(1, -1, 127, -128, 0, 127, -128));
  EXPECT_THAT(from.cast(Dtype::u8).to_doubles(), ElementsAre(1, 0, 255, 0, 0, 255, 0));
  const Tensor huge = doubles({1e30, -1e30});
  EXPECT_EQ(huge.cast(Dtype::i64).as<std::int64_t>()[0], INT64_MAX);
  EXPECT_EQ(huge.cast(Dtype::i64).as<std::int64_t>()[1], INT64_MIN);
}

TEST(Tensor, CastsToBoolByComparingWithZero) {
  EXPECT_THAT(doubles({0, -0.0, 0.5, nan}).cast(Dtype::boolean).to_doubles(),
              ElementsAre(0, 0, 1, 1));
}

TEST(Tensor, CastsIntegersToNarrowFloatsWithOneRounding) {
  // Beyond 53 bits and just above the middle of two bf16 numbers.
  const std::int64_t above_middle = (std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1;
  const Tensor from = Tensor::of<std::int64_t>({2}, {above_middle, -above_middle});
  const double up = 0x1p62 + 0x1p55;
  EXPECT_THAT(from.cast(Dtype::bf16).to_doubles(), ElementsAre(up, -up));
}

TEST(Tensor, CastsBetweenHalves) {
  const Tensor half = doubles({1.0009765625, 65504}).cast(Dtype::f16);
  EXPECT_THAT(half.cast(Dtype::bf16).to_doubles(), ElementsAre(1, 65536));
}

TEST(TensorView, IsDenseWithoutGaps) {
  TensorView view = TensorView::dense(nullptr, Dtype::f32, {2, 1, 3});
  EXPECT_TRUE(view.is_dense());
  view.strides[1] = 77;  // An axis of extent 1 is never stepped along.
  EXPECT_TRUE(view.is_dense());
  view.strides[0] = 4;
  EXPECT_FALSE(view.is_dense());
  view.extents[2] = 0;
  EXPECT_TRUE(view.is_dense());
}

TEST(TensorView, RefusesTooManyAxes) {
  EXPECT_THROW(TensorView::dense(nullptr, Dtype::f32, Extents(9, 1)), Error);
}

TEST(TensorView, IsReadThroughAnyStrides) {
  const Tensor tensor = doubles({0, 1, 2, 3, 4, 5});
  TensorView view = TensorView::dense(tensor.data(), Dtype::f64, {3, 2});
  view.strides[0] = 1;  // The transpose of [2,3].
  view.strides[1] = 3;
  EXPECT_THAT(to_doubles(view), ElementsAre(0, 3, 1, 4, 2, 5));
  view.data = tensor.as<double>() + 2;
  view.strides[0] = -1;
  view.strides[1] = 0;
  EXPECT_THAT(to_doubles(view), ElementsAre(2, 2, 1, 1, 0, 0));
}

TensorError compare(const std::vector<double>& out, const std::vector<double>& reference) {
  return paceline::compare(doubles(out).view(), doubles(reference).view());
}

TEST(TensorError, IsRelativeToTheNormAndTheRootMeanSquare) {
  const TensorError error = compare({3, 4.1}, {3, 4});
  EXPECT_NEAR(error.relative, 0.1 / 5, 1e-12);
  EXPECT_NEAR(error.elementwise, 0.1 / std::sqrt(12.5), 1e-12);
}

TEST(TensorError, TakesNanAndInfinityInBothForEqual) {
  EXPECT_EQ(compare({nan, infinity, 1}, {nan, infinity, 1}).relative, 0);
  EXPECT_EQ(compare({infinity}, {-infinity}).relative, infinity);
  EXPECT_EQ(compare({nan, 1}, {1, 1}).elementwise, infinity);
  EXPECT_EQ(compare({1, 1}, {nan, 1}).relative, infinity);
}

TEST(TensorError, IsInfiniteAgainstZeros) {
  EXPECT_EQ(compare({0, 0}, {0, 0}).relative, 0);
  EXPECT_EQ(compare({0, 1e-9}, {0, 0}).relative, infinity);
}

TEST(TensorError, NeitherOverflowsNorVanishes) {
  EXPECT_NEAR(compare({1e300, 2e300}, {1e300, 1e300}).relative, std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(compare({1e-300, 2e-300}, {1e-300, 1e-300}).relative, std::sqrt(0.5), 1e-12);
}

TEST(TensorError, NeedsEqualExtents) { EXPECT_THROW(compare({1}, {1, 2}), Error); }

}  // namespace
}  // namespace paceline
