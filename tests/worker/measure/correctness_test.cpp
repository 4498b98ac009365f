#include "worker/measure/correctness.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "worker/measure/measurer.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

// a[M,K] times b[K,N], dense, in plain loops.
template <typename Sum>
void matmul(const Call& call) {
  const auto* a = call.inputs[0].as<const float>();
  const auto* b = call.inputs[1].as<const float>();
  auto* out = call.outputs[0].as<float>();
  const std::int64_t rows = call.inputs[0].extents[0];
  const std::int64_t inner = call.inputs[0].extents[1];
  const std::int64_t columns = call.inputs[1].extents[1];
  std::vector<Sum> sums(columns);
  for (std::int64_t row = 0; row < rows; ++row) {
    sums.assign(columns, 0);
    for (std::int64_t k = 0; k < inner; ++k) {
      const Sum factor = a[row * inner + k];
      for (std::int64_t j = 0; j < columns; ++j) sums[j] += factor * b[k * columns + j];
    }
    for (std::int64_t j = 0; j < columns; ++j) out[row * columns + j] = sums[j];
  }
}

// Right for small matrices only.
void matmul_wrong_beyond_512_rows(const Call& call) {
  matmul<double>(call);
  if (call.inputs[0].extents[0] > 512) call.outputs[0].as<float>()[0] += 10000;
}

void matmul_wrong_in_the_last_of_many_rows(const Call& call) {
  matmul<double>(call);
  const std::int64_t rows = call.outputs[0].extents[0], columns = call.outputs[0].extents[1];
  if (rows > 512) call.outputs[0].as<float>()[rows * columns - 1] += 10000;
}

Kernel kernel(void (*run)(const Call&), Precision precision = Precision::reorders) {
  return {.info = {.name = "matmul_test",
                   .op = "matmul",
                   .accepts = {.dtypes = {Dtype::f32}},
                   .precision = precision},
          .run = run};
}

Workload square_matmul(std::int64_t n) {
  return parse_workload(fmt::format("matmul(f32[{0},{0}], f32[{0},{0}], transpose_a=false, "
                                    "transpose_b=false) -> f32[{0},{0}]",
                                    n),
                        ops::all_ops());
}

Checked check_kernel(const Workload& workload, const Kernel& checked, const Kernel* plain,
                     std::int32_t expected_method) {
  const Op& op = ops::all_ops().get("matmul");
  Operands operands(op, workload, 1);
  const auto stage = open_cpu_stage(workload, operands, 1);
  Correctness correctness(op, workload, operands, *stage, Device{}, plain, 1, 1);
  EXPECT_EQ(correctness.method(), expected_method);
  return correctness.check(checked);
}

TEST(Correctness, AcceptsRoundingAndTellsItsSize) {
  const Checked checked =
      check_kernel(square_matmul(64), kernel(matmul<float>), nullptr, method_checked_in_full);
  EXPECT_FALSE(checked.wrong);
  EXPECT_GT(checked.error.relative, 0);
  EXPECT_LT(checked.error.relative, 1e-6);
}

TEST(Correctness, RefusesAnElementThatNobodyWrote) {
  const Kernel lazy = kernel([](const Call&) {});
  EXPECT_TRUE(check_kernel(square_matmul(64), lazy, nullptr, method_checked_in_full).wrong);
}

TEST(Correctness, ChecksWhatIsTooLargeByExcerptsOfTheReference) {
  const Workload workload = square_matmul(640);
  const Checked right =
      check_kernel(workload, kernel(matmul<float>), nullptr, method_checked_by_excerpt);
  EXPECT_FALSE(right.wrong) << *right.wrong;
  EXPECT_GT(right.error.relative, 0);
  EXPECT_LT(right.error.relative, 1e-6);
  EXPECT_GT(right.first_call_s, 0);
  const Checked wrong = check_kernel(workload, kernel(matmul_wrong_in_the_last_of_many_rows),
                                     nullptr, method_checked_by_excerpt);
  EXPECT_TRUE(wrong.wrong);
}

TEST(Correctness, ComparesInFullWithTheFirstKernelThatPassed) {
  const Workload workload = square_matmul(640);
  const Op& op = ops::all_ops().get("matmul");
  Operands operands(op, workload, 1);
  const auto stage = open_cpu_stage(workload, operands, 1);
  Correctness correctness(op, workload, operands, *stage, Device{}, nullptr, 1, 1);
  EXPECT_FALSE(correctness.check(kernel(matmul<double>)).wrong);
  EXPECT_FALSE(correctness.check(kernel(matmul<float>)).wrong);
  EXPECT_TRUE(correctness.check(kernel(matmul_wrong_beyond_512_rows)).wrong);
}

TEST(RelativeErrorMax, GrowsWithTheRootOfTheSums) {
  const Op& op = ops::all_ops().get("matmul");
  const double small = relative_error_max(op, square_matmul(64), Precision::reorders);
  const double large = relative_error_max(op, square_matmul(6400), Precision::reorders);
  EXPECT_GT(large, small);
  EXPECT_LT(large, 1e-4);
  EXPECT_GT(relative_error_max(op, square_matmul(64), Precision::narrows), 0.05);
}

TEST(RelativeErrorMax, IsZeroWithoutFloats) {
  const Workload workload = parse_workload("add(i32[4], i32[4]) -> i32[4]", ops::all_ops());
  EXPECT_EQ(relative_error_max(ops::all_ops().get("add"), workload, Precision::exact), 0);
}

TEST(Shrink, HalvesExtentsWhereverTheyOccur) {
  const Op& op = ops::all_ops().get("matmul");
  const Workload workload = parse_workload(
      "matmul(f32[128,1024], f32[1024,50000], transpose_a=false, transpose_b=false) -> "
      "f32[128,50000]",
      ops::all_ops());
  const Workload smaller = shrink(op, workload, 1e8);
  EXPECT_LE(flops_of(op, smaller), 1e8);
  EXPECT_EQ(smaller.inputs[0].extents[1], smaller.inputs[1].extents[0]);
  EXPECT_EQ(smaller.inputs[1].extents[1], smaller.outputs[0].extents[1]);
  EXPECT_EQ(smaller.inputs[0].extents[0], 128);
}

TEST(Shrink, LeavesWhatFitsAndWhatItCannotMakeSmaller) {
  const Op& op = ops::all_ops().get("matmul");
  EXPECT_EQ(shrink(op, square_matmul(64), 1e9), square_matmul(64));
  EXPECT_EQ(shrink(op, square_matmul(130), 1), square_matmul(64));
  EXPECT_EQ(shrink(op, square_matmul(100), 1), square_matmul(100));
}

}  // namespace
}  // namespace paceline
