#include "common/graph/kernel_info.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

KernelInfo matmul_kernel() {
  return {.name = "matmul_tiled",
          .op = "matmul",
          .library = "paceline",
          .accepts = {.dtypes = {Dtype::f32, Dtype::bf16},
                      .rank_min = 2,
                      .rank_max = 3,
                      .input_strides = {Strides::dense_inner, Strides::dense},
                      .divisible = {{.input = 1, .axis = -1, .by = 8}},
                      .attributes = {{"transpose_b", false}}}};
}

Workload matmul(OperandType a, OperandType b) {
  const Extents out = {a.extents.front(), b.extents.back()};
  const Dtype dtype = a.dtype;
  return {.op = "matmul",
          .attributes = {{"transpose_b", false}},
          .inputs = {std::move(a), std::move(b)},
          .outputs = {{dtype, out}}};
}

TEST(Refusal, IsNothingForAWorkloadThatFits) {
  EXPECT_EQ(refusal(matmul_kernel(), matmul({Dtype::f32, {4, 5}}, {Dtype::f32, {5, 16}})),
            std::nullopt);
}

TEST(Refusal, NamesTheValueThatDoesNotFit) {
  const KernelInfo kernel = matmul_kernel();
  const OperandType b{Dtype::f32, {5, 16}};
  EXPECT_EQ(refusal(kernel, {.op = "softmax"}), "computes matmul, not softmax");
  EXPECT_EQ(refusal(kernel, matmul({Dtype::f64, {4, 5}}, b)), "takes f32 bf16, not f64");
  EXPECT_EQ(refusal(kernel, matmul({Dtype::f32, {4}}, b)), "takes rank 2 to 3, not f32[4]");
  EXPECT_EQ(refusal(kernel, matmul({Dtype::f32, {4, 5}}, {Dtype::f32, {5, 12}})),
            "takes axis -1 of input 1 in multiples of 8, not f32[5,12]");
  Workload transposed = matmul({Dtype::f32, {4, 5}}, b);
  transposed.attributes.set("transpose_b", true);
  EXPECT_EQ(refusal(kernel, transposed), "takes transpose_b=false, not true");
}

TEST(Refusal, LooksAtStrides) {
  const KernelInfo kernel = matmul_kernel();
  const auto with_strides = [](std::vector<std::int64_t> a, std::vector<std::int64_t> b) {
    return matmul({Dtype::f32, {4, 5}, std::move(a)}, {Dtype::f32, {5, 16}, std::move(b)});
  };
  EXPECT_EQ(refusal(kernel, with_strides({40, 1}, {})), std::nullopt);
  EXPECT_EQ(refusal(kernel, with_strides({}, {16, 1})), std::nullopt);
  EXPECT_TRUE(refusal(kernel, with_strides({1, 4}, {})));
  EXPECT_TRUE(refusal(kernel, with_strides({}, {32, 1})));
}

TEST(Refusal, LooksAtOutputsOfOpsWithoutInputs) {
  const KernelInfo kernel{.op = "iota", .accepts = {.dtypes = {Dtype::i64}}};
  EXPECT_EQ(refusal(kernel, {.op = "iota", .outputs = {{Dtype::i64, {4}}}}), std::nullopt);
  EXPECT_TRUE(refusal(kernel, {.op = "iota", .outputs = {{Dtype::f32, {4}}}}));
}

TEST(KernelId, DependsOnContentAndNotOnHopes) {
  const KernelInfo kernel = matmul_kernel();
  KernelInfo hopeful = kernel;
  hopeful.expected_efficiency = 0.9;
  EXPECT_EQ(hopeful.id(), kernel.id());
  KernelInfo rewritten = kernel;
  rewritten.source = "other";
  EXPECT_NE(rewritten.id(), kernel.id());
  KernelInfo updated = kernel;
  updated.library_version = "0.3.22";
  EXPECT_NE(updated.id(), kernel.id());
  KernelInfo pickier = kernel;
  pickier.accepts.divisible[0].by = 16;
  EXPECT_NE(pickier.id(), kernel.id());
}

TEST(Precision, ReadsBackItsName) {
  for (const Precision precision :
       {Precision::exact, Precision::reorders, Precision::approximates, Precision::narrows}) {
    EXPECT_EQ(parse_precision(to_string(precision)), precision);
  }
  EXPECT_EQ(parse_precision("sloppy"), std::nullopt);
}

}  // namespace
}  // namespace paceline
