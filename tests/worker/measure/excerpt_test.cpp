#include "worker/measure/excerpt.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "worker/measure/operands.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

std::vector<Excerpt> excerpts_of(const std::string& text, double flops_max) {
  const Workload workload = parse_workload(text, ops::all_ops());
  const Op& op = ops::all_ops().get(workload.op);
  const Operands operands(op, workload, 1);
  const Workload smaller = shrink(op, workload, flops_max);
  const Operands small(op, smaller, 1);
  const Tensor solved = reference_of(op, smaller, small.drawn())[0];
  return excerpts(op, workload, operands.drawn(), {smaller, small.drawn(), solved}, flops_max, 1);
}

// The whole reference has the excerpt's numbers in the excerpt's place.
void expect_parts_of_the_whole(const std::string& text, double flops_max) {
  const Workload workload = parse_workload(text, ops::all_ops());
  const Op& op = ops::all_ops().get(workload.op);
  const Operands operands(op, workload, 1);
  const Tensor whole = reference_of(op, workload, operands.drawn())[0];
  const std::vector<Excerpt> made = excerpts_of(text, flops_max);
  EXPECT_THAT(made, SizeIs(2)) << text;
  for (const Excerpt& excerpt : made) {
    const Tensor part = excerpt.of(whole.view());
    ASSERT_EQ(part.extents(), excerpt.expected.extents());
    EXPECT_LT(part.element_count(), whole.element_count());
    EXPECT_LT(compare(part.view(), excerpt.expected.view()).relative, 1e-12) << text;
  }
}

TEST(Excerpt, IsAPartOfTheResult) {
  expect_parts_of_the_whole(
      "matmul(f32[192,128], f32[128,256], transpose_a=false, transpose_b=false) -> f32[192,256]",
      1e6);
  // Where all extents are equal, numbers tell which axes go together.
  expect_parts_of_the_whole(
      "matmul(f32[128,128], f32[128,128], transpose_a=true, transpose_b=false) -> f32[128,128]",
      1e6);
  expect_parts_of_the_whole(
      "attention(f32[1,8,128,64], f32[1,8,128,64], f32[1,8,128,64], causal=true, scale=0.125, "
      "softcap=0.0, window=0) -> f32[1,8,128,64]",
      1e6);
  expect_parts_of_the_whole(
      "linear_packed(f32[256,128], f16[8,64,32,2], f32[256], activation=\"none\", columns=256, "
      "weight_dtype=f16) -> f32[256,256]",
      1e6);
}

TEST(Excerpt, ReachesTheEndOfWhatItCuts) {
  const auto made = excerpts_of(
      "matmul(f32[192,128], f32[128,256], transpose_a=false, transpose_b=false) -> f32[192,256]",
      1e6);
  ASSERT_THAT(made, SizeIs(2));
  EXPECT_EQ(made[1].ranges[0].begin + made[1].ranges[0].count, 192);
  EXPECT_EQ(made[1].ranges[1].begin + made[1].ranges[1].count, 256);
}

TEST(Excerpt, IsNotMadeWhereEveryOutputNeedsAllInputs) {
  EXPECT_THAT(excerpts_of("reduce_sum(f32[64,64], axes=[0,1], keep_dims=false) -> f32[]", 100),
              IsEmpty());
  EXPECT_THAT(excerpts_of("softmax(f32[4096], axis=0) -> f32[4096]", 100), IsEmpty());
}

}  // namespace
}  // namespace paceline
