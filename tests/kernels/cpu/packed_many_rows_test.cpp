#include "kernels/cpu/support/packed_many_rows.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Products large enough to take rows into a second-level cache, at extents that end within tiles,
// panels and what stays.
namespace paceline {
namespace {

using kernels::cpu::has_many_rows;
using kernels::cpu::many_rows_cut;
using kernels::cpu::ManyRowsParts;

struct Problem {
  std::int64_t m, n, k;
};

// The same by the plain kernel, which sums one element after the other.
void check(const Problem& p, bool has_residual, const std::string& activation, int threads) {
  Random random(11);
  const std::string name = has_residual ? "linear_packed_residual" : "linear_packed";
  const Op& op = ops::all_ops().get(name);
  const Attributes attributes = Attributes{
      {"columns", p.n},
      {"weight_dtype", Dtype::f32},
      {"activation", activation}}.complete(op.name, op.attributes);
  const std::int64_t panels = (p.n + 31) / 32;
  std::vector<Tensor> tensors = {ops::draw({Dtype::f32, {p.m, p.k}}, random),
                                 ops::draw({Dtype::f32, {panels, p.k, 32, 1}}, random)};
  if (has_residual) tensors.push_back(ops::draw({Dtype::f32, {p.m, p.n}}, random));
  tensors.push_back(ops::draw({Dtype::f32, {p.n}}, random));
  std::vector<TensorView> inputs;
  for (const Tensor& tensor : tensors) inputs.push_back(tensor.view());
  const auto outcome_of = [&](const std::string& kernel) {
    return test::run_kernel(*kernels::find_kernel(kernel), op, attributes, inputs,
                            {.threads = threads});
  };
  const auto own = outcome_of(has_residual ? "linear_packed_simd.residual_f32"
                                           : "linear_packed_simd.linear_f32");
  const auto plain = outcome_of(name + "_plain");
  SCOPED_TRACE(fmt::format("{}x{}x{}, {} threads, {}", p.m, p.n, p.k, threads, activation));
  EXPECT_LE(compare(own.outputs[0].view(), plain.outputs[0].view()).relative, 4e-6);
  EXPECT_TRUE(own.is_repeatable);
  EXPECT_FALSE(own.wrote_outside);
}

TEST(PackedManyRows, AreRightAtOddExtents) {
  for (const Problem& p : {Problem{57, 300, 1001}, Problem{129, 259, 1030}, Problem{60, 95, 3100},
                           Problem{301, 1000, 263}}) {
    ASSERT_TRUE(has_many_rows(p.m, p.n, p.k));
    for (const int threads : {1, 2, 3}) check(p, false, "none", threads);
  }
}

TEST(PackedManyRows, DoWhatSurroundsTheirProduct) {
  for (const std::int64_t k : {700, 2100}) {
    const Problem p{140, 33 + 1024 * 400 / k, k};
    ASSERT_TRUE(has_many_rows(p.m, p.n, p.k));
    check(p, false, "gelu_tanh", 1);
    check(p, true, "none", 2);
    check(p, true, "relu", 1);
  }
}

TEST(PackedManyRows, KeepWithinTheirRoom) {
  for (const std::int64_t m : {56, 127, 128, 129, 1000}) {
    for (const std::int64_t k : {16, 1000, 1024, 1025, 5000}) {
      const auto cut = many_rows_cut(m, k);
      EXPECT_LE(cut.rows * cut.depth * 4, kernels::cpu::resident_rows_bytes);
      EXPECT_LE(cut.rows, m);
    }
  }
  EXPECT_EQ(ManyRowsParts(60, 100, 8).count, 4);
  EXPECT_EQ(ManyRowsParts(10, 100, 8).count, 1);
}

}  // namespace
}  // namespace paceline
