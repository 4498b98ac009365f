#include "common/graph/shape.h"

#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"

namespace paceline {
namespace {

using testing::ElementsAre;

const Dim n = Dim::symbol("N");

TEST(Shape, CountsItsElements) {
  EXPECT_EQ(element_count(Shape{n, 4}), 4 * n);
  EXPECT_EQ(element_count(Extents{}), 1);
  EXPECT_EQ(element_count(Extents{3, 0}), 0);
  EXPECT_THROW(element_count(Extents{INT64_MAX, 2}), Error);
}

TEST(Shape, BindsItsSymbols) {
  EXPECT_THAT(evaluate(Shape{n, n + 1}, {{"N", 2}}), ElementsAre(2, 3));
  EXPECT_THROW(evaluate(Shape{n - 3}, {{"N", 2}}), Error);
}

TEST(Shape, IsWrittenInBrackets) {
  EXPECT_EQ(to_string(Shape{Dim::symbol("B"), n, 64}), "[B,N,64]");
  EXPECT_EQ(to_string(Extents{}), "[]");
  EXPECT_EQ((TensorType{Dtype::bf16, {n, 64}}).to_string(), "bf16[N,64]");
}

TEST(Shape, BroadcastsFromTheLastAxis) {
  EXPECT_EQ(broadcast_shape({n, 1, 4}, {3, 1}), (Shape{n, 3, 4}));
  EXPECT_EQ(broadcast_shape({}, {n}), (Shape{n}));
  EXPECT_EQ(broadcast_shape({n}, {1}), (Shape{n}));
  EXPECT_THROW(broadcast_shape({2}, {3}), Error);
  // Equal only for some N.
  EXPECT_THROW(broadcast_shape({n}, {3}), Error);
}

TEST(Shape, HasRowMajorStrides) {
  EXPECT_EQ(row_major_strides(Shape{2, n, 4}), (std::vector<Dim>{4 * n, 4, 1}));
  EXPECT_THAT(row_major_strides(Extents{2, 3, 4}), ElementsAre(12, 4, 1));
}

TEST(TensorType, HasItsSizeInBytes) {
  EXPECT_EQ(size_bytes(TensorType{Dtype::f16, {n, 3}}), 6 * n);
}

}  // namespace
}  // namespace paceline
