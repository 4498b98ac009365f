#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "common/ops/support/packing.h"
#include "kernels/all_kernels.h"
#include "kernels/cpu/support/packed_few_rows.h"
#include "kernels/cpu/support/packed_linear.h"
#include "tests/support/run_kernel.h"

// Products with packed weights at extents that are no multiples of anything: the kernels are
// compared with the reference of `linear` on the weight before it was packed.
namespace paceline {
namespace {

using kernels::cpu::few_rows_tile_rows;
using kernels::cpu::packed_grid;
using kernels::cpu::panel_rows;

struct Problem {
  std::int64_t m, n, k;
};

std::int64_t depth_of(Dtype dtype) { return dtype == Dtype::f32 ? 1 : 2; }

Tensor packed(const Tensor& weight, std::int64_t tile) {
  const Op& op = ops::all_ops().get("pack_weight");
  const Attributes attributes =
      Attributes{{"tile", tile}, {"depth", depth_of(weight.dtype())}}.complete(op.name,
                                                                               op.attributes);
  const std::vector<Tensor> inputs = {weight};
  return test::reference_outputs(op, attributes, inputs)[0].cast(weight.dtype());
}

// x times the weight by the reference of `linear`, both as they were rounded to their dtypes.
Tensor wanted(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const Op& op = ops::all_ops().get("linear");
  const std::vector<Tensor> inputs = {x.cast(Dtype::f64), weight.cast(Dtype::f64),
                                      bias.cast(Dtype::f64)};
  return test::reference_outputs(op, Attributes{}.complete(op.name, op.attributes), inputs)[0];
}

double bound(const Kernel& kernel, Dtype dtype) {
  if (kernel.info.precision == Precision::narrows) return 5e-3;
  return dtype == Dtype::f32 ? 2e-6 : dtype == Dtype::f16 ? 1e-3 : 8e-3;
}

void check(const Kernel& kernel, const Problem& p, Dtype dtype, std::int64_t tile, int threads,
           Random& random) {
  const Dtype weights = std::get<Dtype>(*kernel.info.accepts.attributes.find("weight_dtype"));
  const Tensor x = ops::draw({dtype, {p.m, p.k}}, random);
  const Tensor weight = ops::draw({weights, {p.n, p.k}}, random);
  const Tensor bias = ops::draw({dtype, {p.n}}, random), panels = packed(weight, tile);
  const Op& op = ops::all_ops().get("linear_packed");
  const Attributes attributes =
      Attributes{{"columns", p.n}, {"weight_dtype", weights}}.complete(op.name, op.attributes);
  SCOPED_TRACE(fmt::format("{} of {} on [{},{}] times [{},{}], {} threads", kernel.info.name,
                           to_string(dtype), p.m, p.k, p.n, p.k, threads));
  const std::vector<TensorView> inputs = {x.view(), panels.view(), bias.view()};
  const auto outcome = test::run_kernel(kernel, op, attributes, inputs, {.threads = threads});
  const TensorError error = compare(outcome.outputs[0].view(), wanted(x, weight, bias).view());
  EXPECT_LE(error.relative, bound(kernel, dtype));
  EXPECT_TRUE(outcome.is_repeatable);
  EXPECT_FALSE(outcome.wrote_outside);
}

std::vector<const Kernel*> own_kernels() {
  std::vector<const Kernel*> kernels;
  for (const Kernel* kernel : kernels::kernels_of("linear_packed")) {
    if (!kernel->info.is_plain) kernels.push_back(kernel);
  }
  return kernels;
}

// Every number of rows that a tile may have; columns and sums that end within a panel or a pair.
TEST(LinearPackedKernels, AreRightForEveryNumberOfRows) {
  Random random(5);
  for (const Kernel* kernel : own_kernels()) {
    for (std::int64_t m = 1; m <= 30; ++m) {
      check(*kernel, {m, 31 + m, 60 + m}, Dtype::f32, 32, 1, random);
    }
  }
}

TEST(LinearPackedKernels, AreRightForOddExtents) {
  Random random(6);
  const Problem problems[] = {{1, 1, 1},    {1, 33, 1},    {17, 1, 3},    {2, 100, 1030},
                              {1, 333, 31}, {131, 95, 77}, {29, 65, 1601}};
  for (const Kernel* kernel : own_kernels()) {
    for (const Problem& problem : problems) {
      for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
        for (const int threads : {1, 3}) check(*kernel, problem, dtype, 32, threads, random);
      }
    }
  }
}

// Sums longer than what is staged at a time, more columns than stay in a cache.
TEST(LinearPackedKernels, AreRightBeyondTheirBlocks) {
  Random random(7);
  for (const Kernel* kernel : own_kernels()) {
    check(*kernel, {1, 40, 16001}, Dtype::f32, 32, 1, random);
    check(*kernel, {15, 70, 4500}, Dtype::f32, 32, 2, random);
    check(*kernel, {300, 1100, 90}, Dtype::f16, 32, 1, random);
    check(*kernel, {270, 40, 1500}, Dtype::bf16, 32, 1, random);
  }
}

// Of few rows, which are used where they lie: not all of them at once if they lie a power of two
// apart.
TEST(LinearPackedKernels, AreRightForFewRowsAPowerOfTwoApart) {
  EXPECT_EQ(few_rows_tile_rows(100), panel_rows);
  EXPECT_EQ(few_rows_tile_rows(768), panel_rows);
  EXPECT_EQ(few_rows_tile_rows(512), panel_rows);
  EXPECT_EQ(few_rows_tile_rows(1024), 8);
  EXPECT_EQ(few_rows_tile_rows(0), 8);
  Random random(9);
  for (const Kernel* kernel : own_kernels()) {
    for (const std::int64_t m : {8, 9, 14, 31, 32, 33}) {
      check(*kernel, {m, 70, 1024}, Dtype::f32, 32, 2, random);
    }
  }
}

// Whole panels and a part of one; arguments on both sides of where a share of GELU vanishes.
TEST(LinearPackedKernels, TakeActivationsOfFewRows) {
  Random random(10);
  const Op& op = ops::all_ops().get("linear_packed");
  const Tensor panels = packed(ops::draw({Dtype::f32, {70, 9}}, random), 32);
  for (const std::int64_t m : {1, 4, 7, 32}) {
    const Tensor x = ops::draw({Dtype::f32, {m, 9}}, random);
    for (std::int64_t i = 0; i < m * 9; ++i) x.as<float>()[i] *= 10;
    for (const char* activation : {"relu", "sigmoid", "silu", "gelu", "gelu_tanh"}) {
      const auto attributes_of = [&](Dtype dtype) {
        return Attributes{{"columns", std::int64_t{70}},
                          {"activation", std::string(activation)},
                          {"weight_dtype", dtype}}
            .complete(op.name, op.attributes);
      };
      const std::vector<Tensor> exact = {x.cast(Dtype::f64), panels.cast(Dtype::f64)};
      const Tensor wanted = test::reference_outputs(op, attributes_of(Dtype::f64), exact)[0];
      const Attributes attributes = attributes_of(Dtype::f32);
      const std::vector<TensorView> inputs = {x.view(), panels.view()};
      const Kernel& kernel = *kernels::find_kernel("linear_packed_simd.linear_f32");
      const auto outcome = test::run_kernel(kernel, op, attributes, inputs);
      EXPECT_LE(compare(outcome.outputs[0].view(), wanted.view()).relative, 2e-6)
          << m << " rows, " << activation;
      EXPECT_FALSE(outcome.wrote_outside);
    }
  }
}

TEST(LinearPackedKernels, TakeWiderPanels) {
  Random random(8);
  for (const Kernel* kernel : own_kernels()) {
    check(*kernel, {9, 200, 50}, Dtype::f32, 96, 2, random);
  }
}

TEST(LinearPackedKernels, RefuseOtherPanels) {
  const Op& op = ops::all_ops().get("linear_packed");
  const Workload narrow = workload_of(
      op, {{{Dtype::f32, {3, 5}}, {Dtype::f32, {2, 5, 4, 1}}}, {{"columns", std::int64_t{7}}}});
  const Workload halves =
      workload_of(op, {{{Dtype::f32, {3, 5}}, {Dtype::bf16, {1, 3, 32, 2}}},
                       {{"columns", std::int64_t{7}}, {"weight_dtype", Dtype::bf16}}});
  for (const Kernel* kernel : own_kernels()) {
    EXPECT_THAT(refusal(kernel->info, narrow), testing::Ne(std::nullopt)) << kernel->info.name;
    const bool takes_halves = kernel->info.name.ends_with("_bf16");
    EXPECT_EQ(refusal(kernel->info, halves) == std::nullopt, takes_halves) << kernel->info.name;
  }
}

// What fills up a panel is no part of the product, whatever stands there.
TEST(LinearPackedKernels, IgnoreWhatLiesBeyondTheColumns) {
  const std::int64_t n = 7, k = 5;
  for (const Kernel* kernel : own_kernels()) {
    const Dtype weights = std::get<Dtype>(*kernel->info.accepts.attributes.find("weight_dtype"));
    const ops::Packing packing{32, depth_of(weights)};
    std::vector<double> elements(packing.groups(k) * 32 * packing.depth,
                                 std::numeric_limits<double>::quiet_NaN());
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < packing.groups(k) * packing.depth; ++i) {
        elements[packing.place(i, j, k)] = i < k ? 1 : 0;
      }
    }
    const Tensor panels =
        Tensor::of<double>({1, packing.groups(k), 32, packing.depth}, elements).cast(weights);
    const Tensor x = Tensor::of<float>({1, k}, {1, 2, 3, 4, 5});
    const Op& op = ops::all_ops().get("linear_packed");
    const Attributes attributes =
        Attributes{{"columns", n}, {"weight_dtype", weights}}.complete(op.name, op.attributes);
    const std::vector<TensorView> inputs = {x.view(), panels.view()};
    const auto outcome = test::run_kernel(*kernel, op, attributes, inputs, {.threads = 1});
    EXPECT_THAT(outcome.outputs[0].to_doubles(), testing::Each(15.0)) << kernel->info.name;
  }
}

TEST(PackedGrid, LeavesLittleWorkToOneThread) {
  const auto grid = packed_grid(1, 8, 256, 256 * 256 * 4, 8);
  EXPECT_EQ(grid.by_rows * grid.by_panels, 1);
}

// Together such weights outgrow a core's cache, in halves they fit two.
TEST(PackedGrid, SharesAMebibyteOfOneRow) {
  const auto grid = packed_grid(1, 16, 512, 512 * 512 * 4, 8);
  EXPECT_EQ(grid.by_panels, 2);
}

TEST(PackedGrid, SharesManyRowsAndFewPanelsEqually) {
  const auto by_panels = packed_grid(128, 24, 768, 768 * 768 * 4, 2);
  EXPECT_EQ(by_panels.by_panels, 2);
  const auto by_rows = packed_grid(1000, 3, 768, 3 * 32 * 768 * 4, 2);
  EXPECT_EQ(by_rows.by_rows, 2);
  EXPECT_EQ(by_rows.by_panels, 1);
}

TEST(PackWeightKernels, AgreeOnTransposes) {
  Random random(9);
  const Op& op = ops::all_ops().get("pack_weight");
  const Attributes attributes =
      Attributes{{"tile", std::int64_t{32}}, {"transpose_weight", false}}.complete(op.name,
                                                                                   op.attributes);
  const Tensor weight = ops::draw({Dtype::f32, {70, 130}}, random);
  TensorView turned = weight.view();  // [130,70], as a permute gives it.
  std::swap(turned.extents[0], turned.extents[1]);
  std::swap(turned.strides[0], turned.strides[1]);
  const Attributes other = Attributes{{"tile", std::int64_t{32}}}.complete(op.name, op.attributes);
  for (const Kernel* kernel : kernels::kernels_of("pack_weight")) {
    const auto one =
        test::run_kernel(*kernel, op, attributes, std::vector{weight.view()}, {.threads = 2});
    const auto two = test::run_kernel(*kernel, op, other, std::vector{turned}, {.threads = 2});
    EXPECT_EQ(one.outputs[0].to_doubles(), two.outputs[0].to_doubles()) << kernel->info.name;
  }
}

}  // namespace
}  // namespace paceline
