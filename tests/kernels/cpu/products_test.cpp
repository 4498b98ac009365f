#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Products large enough to be cut into tiles and shared out, by all kernels that take them.
namespace paceline {
namespace {

struct Problem {
  std::string op;
  std::vector<Extents> operands;
  Attributes attributes = {};
};

// Extents that are no multiples of anything, more rows than columns and the reverse, sums longer
// than a cache holds, a single row, nothing to sum, no rows at all.
std::vector<Problem> problems() {
  const Attributes plain = {{"transpose_weight", false}};
  const Attributes gelu = {{"activation", "gelu"}};
  const Attributes silu = {{"activation", "silu"}, {"transpose_weight", false}};
  return {
      {"linear", {{131, 95}, {517, 95}, {517}}},
      {"linear", {{517, 95}, {95, 131}, {131}}, plain},
      {"linear", {{37, 1501}, {70, 1501}}},
      {"linear", {{1, 1030}, {333, 1030}, {333}}},
      {"linear", {{3, 1030}, {1030, 333}}, plain},
      {"linear", {{3, 0}, {5, 0}, {5}}},
      {"linear", {{2, 0, 4}, {5, 4}}},
      {"linear_activation", {{131, 95}, {517, 95}, {517}}, gelu},
      {"linear_activation", {{517, 95}, {95, 131}}, silu},
      {"linear_activation", {{1, 1030}, {333, 1030}, {333}}, gelu},
      {"linear_activation", {{3, 0}, {5, 0}, {5}}, gelu},
      {"linear_residual", {{131, 95}, {517, 95}, {131, 517}, {517}}},
      {"linear_residual", {{517, 95}, {95, 131}, {517, 131}}, plain},
      {"linear_residual", {{3, 0}, {5, 0}, {3, 5}, {5}}},
      {"matmul", {{131, 95}, {95, 517}}},
      {"matmul", {{95, 131}, {95, 77}}, {{"transpose_a", true}}},
      {"matmul", {{3, 50, 70}, {3, 90, 70}}, {{"transpose_b", true}}},
      {"matmul", {{1030, 1}, {1030, 333}}, {{"transpose_a", true}}},
      {"matmul", {{2, 3, 0}, {2, 0, 4}}},
  };
}

Sample sample_of(const Problem& problem, Dtype dtype) {
  Sample sample{.attributes = problem.attributes};
  for (const Extents& extents : problem.operands) sample.inputs.push_back({dtype, extents});
  return sample;
}

double bound(const Kernel& kernel, Dtype dtype) {
  if (kernel.info.precision == Precision::narrows) return 2e-2;
  return dtype == Dtype::f64   ? 1e-12
         : dtype == Dtype::f32 ? 1e-5
         : dtype == Dtype::f16 ? 1e-3
                               : 8e-3;
}

void expect_right(const Kernel& kernel, const Op& op, const Workload& workload,
                  const std::vector<Tensor>& inputs) {
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const Tensor reference = test::reference_outputs(op, workload.attributes, inputs)[0];
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(kernel.info.name + " on " + workload.to_text());
    const auto outcome =
        test::run_kernel(kernel, op, workload.attributes, views, {.threads = threads});
    EXPECT_LE(compare(outcome.outputs[0].view(), reference.view()).relative,
              bound(kernel, workload.inputs[0].dtype));
    EXPECT_TRUE(outcome.is_repeatable);
    EXPECT_FALSE(outcome.wrote_outside);
  }
}

TEST(Products, OfTilesAreRight) {
  Random random(3);
  for (const Problem& problem : problems()) {
    const Op& op = ops::all_ops().get(problem.op);
    for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
      const Sample sample = sample_of(problem, dtype);
      const std::vector<Tensor> inputs = ops::draw(sample, random);
      const Workload workload = workload_of(op, sample);
      for (const Kernel* kernel : kernels::kernels_of(problem.op)) {
        if (kernel->info.is_plain || refusal(kernel->info, workload)) continue;
        expect_right(*kernel, op, workload, inputs);
      }
    }
  }
}

// A plan binds a kernel anew when a symbol changes.
TEST(Products, FollowNewExtents) {
  Random random(4);
  for (const Kernel* kernel : kernels::kernels_of("linear")) {
    if (kernel->bind == nullptr) continue;
    const Tensor weight = ops::draw({Dtype::bf16, {40, 30}}, random);
    const Op& op = ops::all_ops().get("linear");
    const Attributes attributes = Attributes{}.complete(op.name, op.attributes);
    const auto state = kernel->prepare(attributes, {});
    for (const std::int64_t rows : {3, 50, 3}) {
      const Tensor x = ops::draw({Dtype::bf16, {rows, 30}}, random), out(Dtype::bf16, {rows, 40});
      const std::vector<TensorView> inputs = {x.view(), weight.view()}, outputs = {out.view()};
      const Call call{.inputs = inputs, .outputs = outputs, .prepared = state.get()};
      kernel->bind(call);
      kernel->run(call);
      const Tensor wanted = test::reference_outputs(op, attributes, std::vector{x, weight})[0];
      EXPECT_LE(compare(out.view(), wanted.view()).relative, 8e-3) << kernel->info.name;
    }
  }
}

TEST(Onednn, SaysItsVersion) {
  const Kernel* kernel = kernels::find_kernel("matmul_onednn.sgemm");
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(kernel->info.library, "onednn");
  EXPECT_THAT(kernel->info.library_version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(Onednn, RefusesHalvesOfTheOtherKind) {
  const Op& op = ops::all_ops().get("matmul");
  const Workload f16 = workload_of(op, {{{Dtype::f16, {2, 3}}, {Dtype::f16, {3, 2}}}});
  for (const Kernel* kernel : kernels::kernels_of("matmul")) {
    if (kernel->info.library != "onednn") continue;
    EXPECT_THAT(refusal(kernel->info, f16), testing::Optional(testing::HasSubstr("f16")));
  }
}

}  // namespace
}  // namespace paceline
