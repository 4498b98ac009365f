#include "worker/measure/domains.h"

#include <gtest/gtest.h>

#include "common/ops/all_ops.h"

namespace paceline {
namespace {

std::vector<Sample::Operand> operands_of(std::string_view text) {
  const Workload workload = parse_workload(text, ops::all_ops());
  return operands_with_domains(ops::all_ops().get(workload.op), workload);
}

TEST(Domains, FollowTheExtentThatBoundsIndices) {
  const auto rows = operands_of("gather(f32[50,8], i64[3], axis=0) -> f32[3,8]");
  EXPECT_EQ(rows[1].domain.kind, Domain::Kind::index);
  EXPECT_EQ(rows[1].domain.high, 50);
  const auto columns = operands_of("gather(f32[50,8], i32[3], axis=-1) -> f32[50,3]");
  EXPECT_EQ(columns[1].domain.high, 8);
}

TEST(Domains, FollowTheRowsOfATableOfBlocks) {
  const auto rows = operands_of("embedding(i64[1,512], u8[300,1088]) -> u8[1,512,1088]");
  EXPECT_EQ(rows[0].domain.kind, Domain::Kind::index);
  EXPECT_EQ(rows[0].domain.high, 300);
}

TEST(Domains, KeepLogarithmsAboveZero) {
  EXPECT_EQ(operands_of("log(f32[7]) -> f32[7]")[0].domain.kind, Domain::Kind::positive);
}

TEST(Domains, OfTheLastOperandServeAllFurtherOnes) {
  EXPECT_EQ(operands_of("concat(f32[2], f32[2], f32[2], f32[2], f32[2], axis=0) -> f32[10]").size(),
            5u);
}

TEST(Domains, KeepDtypesAndExtentsOfTheWorkload) {
  const auto operands = operands_of("add(bf16[3,4], bf16[3,4]) -> bf16[3,4]");
  EXPECT_EQ(operands[0].dtype, Dtype::bf16);
  EXPECT_EQ(operands[1].extents, (Extents{3, 4}));
}

}  // namespace
}  // namespace paceline
