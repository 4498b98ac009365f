#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/cuda_module.h"
#include "tests/support/run_kernel_on_device.h"

// Sizes that ops' samples do not have: where rows are spread over more threads, reductions over
// more blocks, places need another division.
namespace paceline {
namespace {

struct LargeCase {
  std::string kernel;
  Sample sample;
};

Sample::Operand operand(Dtype dtype, Extents extents) { return {dtype, std::move(extents)}; }

constexpr const char* masked_softmax =
    "v0 = mul(i0, 0.125); v1 = add(v0, i1); v2 = reduce_max(v1); v3 = sub(v1, v2); v4 = exp(v3); "
    "v5 = reduce_sum(v4); v6 = div(v4, v5); out(v6)";
constexpr const char* residual_norm =
    "v0 = add(i0, i1); v1 = mul(v0, v0); v2 = reduce_sum(v1); v3 = mul(v2, 0.000244140625); "
    "v4 = add(v3, 1e-06); v5 = rsqrt(v4); v6 = mul(v0, v5); v7 = mul(v6, i2); out(v0, v7)";
constexpr const char* affine_gelu =
    "v0 = mul(i0, i1); v1 = add(v0, i2); v2 = gelu.none(v1); out(v2)";

// Queries, keys and values of a decoder's layer, and its states.
Sample append_case(Dtype dtype, std::int64_t batch, std::int64_t positions, std::int64_t heads,
                   std::int64_t groups, std::int64_t width, std::int64_t pairs, bool has_norms,
                   bool is_interleaved = false) {
  const auto projected = [&](std::int64_t count) {
    return operand(dtype, {batch, positions, count * width});
  };
  const auto table = operand(dtype, {positions, pairs});
  const auto state = operand(dtype, {batch, groups, positions + 9, width});
  Sample sample{
      {projected(heads), projected(groups), projected(groups), table, table, state, state},
      {{"start", Dim(5)}, {"interleaved", is_interleaved}, {"weight_offset", 1.0}}};
  if (!has_norms) return sample;
  sample.inputs.push_back(operand(dtype, {width}));
  sample.inputs.push_back(operand(dtype, {width}));
  return sample;
}

// Heads of a prompt and of a token: several rows a warp, pieces of 16 bytes, partial rotation.
std::vector<LargeCase> head_cases() {
  std::vector<LargeCase> cases;
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    for (const Extents& heads : std::vector<Extents>{
             {1, 16, 1024, 128}, {2, 3, 70, 64}, {2, 12, 100, 80}, {1, 3, 7, 256}, {1, 5, 9, 96}}) {
      const std::int64_t width = heads[3];
      const auto x = operand(dtype, heads), vector = operand(dtype, {width});
      cases.push_back({"rows_cuda.rms_norm", {{x, vector}, {}}});
      cases.push_back({"rows_cuda.add_rms_norm", {{x, x, vector}, {}}});
      for (const std::int64_t pairs : {width / 2, width / 4}) {
        const auto table = operand(dtype, {heads[2], pairs});
        cases.push_back({"rows_cuda.rope", {{x, table, table}, {}}});
        cases.push_back({"rows_cuda.rope", {{x, table, table}, {{"interleaved", true}}}});
      }
    }
    for (const char* activation : {"silu", "gelu_tanh"}) {
      const auto x = operand(dtype, {3, 171, 3072});
      cases.push_back(
          {"binary_cuda.gated_activation", {{x, x}, {{"activation", std::string(activation)}}}});
    }
    cases.push_back({"movement_cuda.update_slice",
                     {{operand(dtype, {2, 8, 700, 128}), operand(dtype, {2, 8, 300, 128})},
                      {{"axis", std::int64_t{2}}, {"start", Dim(37)}}}});
    cases.push_back({"head_append_cuda", append_case(dtype, 1, 1024, 16, 8, 128, 64, true)});
    cases.push_back({"head_append_cuda", append_case(dtype, 3, 1, 16, 8, 128, 64, true)});
    cases.push_back({"head_append_cuda", append_case(dtype, 2, 301, 14, 2, 64, 32, false)});
    cases.push_back({"head_append_cuda", append_case(dtype, 1, 500, 6, 3, 80, 20, true)});
    cases.push_back({"head_append_cuda", append_case(dtype, 1, 77, 5, 1, 256, 128, true, true)});
    cases.push_back({"head_append_cuda", append_case(dtype, 1, 900, 12, 4, 96, 48, false, true)});
  }
  return cases;
}

std::vector<LargeCase> cases() {
  std::vector<LargeCase> cases = head_cases();
  const auto add = [&](std::string kernel, std::vector<Sample::Operand> inputs,
                       Attributes attributes = {}) {
    cases.push_back({std::move(kernel), {std::move(inputs), std::move(attributes)}});
  };
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    // One piece a lane, four, two a thread of 256 and of 1024, and too long for registers.
    for (const std::int64_t width : {64, 480, 1536, 4096, 8192, 20000, 4099}) {
      const auto x = operand(dtype, {9, width}), vector = operand(dtype, {width});
      add("rows_cuda.softmax", {x});
      add("rows_cuda.log_softmax", {x});
      add("rows_cuda.rms_norm", {x, vector});
      add("rows_cuda.layer_norm", {x, vector, vector});
      add("rows_cuda.add_rms_norm", {x, x, vector});
      add("rows_cuda.add_layer_norm", {x, x, vector, vector});
    }
    // Many rows: several pieces a thread, of 128, 256 and 512, the last ones of the row missing.
    for (const std::int64_t width : {1544, 4096, 5000, 16384}) {
      const auto x = operand(dtype, {515, width}), vector = operand(dtype, {width});
      const auto mask = operand(dtype, {1, width});
      add("rows_cuda.softmax", {x});
      add("rows_cuda.layer_norm", {x, vector, vector});
      add("rows_cuda.add_rms_norm", {x, x, vector});
      add("fused_nvrtc.rows", {x, mask}, {{"program", masked_softmax}});
      add("fused_nvrtc.rows", {x, x, vector}, {{"program", residual_norm}});
      add("fused_nvrtc.rows", {operand(dtype, {3, width}), mask}, {{"program", masked_softmax}});
    }
    // One row after the other in a block.
    for (const std::int64_t width : {1096, 2104, 4096}) {
      const auto x = operand(dtype, {1060, width}), vector = operand(dtype, {width});
      add("rows_cuda.rms_norm", {x, vector}, {{"weight_offset", 1.0}});
      add("rows_cuda.add_rms_norm", {x, x, vector});
    }
    // Dense and long, with elements behind the last piece.
    const std::int64_t length = 8 * (132 * 4 * 256 * 4 + 5) + 3;
    const auto x = operand(dtype, {length});
    add("unary_cuda.gelu", {x});
    add("binary_cuda.add", {x, x});
    add("copy_cuda", {x});
    add("copy_cuda", {operand(dtype, {length - 3})});
    add("fused_nvrtc.rows", {x, operand(dtype, {1}), x}, {{"program", affine_gelu}});
    add("fused_nvrtc.rows",
        {operand(dtype, {length - 3}), operand(dtype, {1}), operand(dtype, {length - 3})},
        {{"program", affine_gelu}});
    add("rows_cuda.softmax", {operand(dtype, {3, 500, 33})}, {{"axis", 1}});
    add("rows_cuda.softmax", {operand(dtype, {2, 7, 5000})}, {{"axis", 1}});
    add("unary_cuda.gelu", {operand(dtype, {(1 << 20) + 3})});
    add("unary_cuda.sin", {operand(dtype, {(1 << 20) + 3})});
    add("binary_cuda.mul", {operand(dtype, {1 << 16}), operand(dtype, {1 << 16})});
    for (const std::int64_t width : {16384, 152064}) {
      add("reductions_cuda.argmax", {operand(dtype, {3, width})}, {{"axis", -1}});
      add("reductions_cuda.argmin", {operand(dtype, {1, width})}, {{"axis", -1}});
      add("reductions_cuda.top_k", {operand(dtype, {2, width})}, {{"k", 50}});
      add("reductions_cuda.cumsum", {operand(dtype, {2, width})});
    }
    add("reductions_cuda.argmax", {operand(dtype, {16, 20011})}, {{"axis", -1}});
    add("reductions_cuda.argmin", {operand(dtype, {20011, 3})}, {{"axis", 0}});
    add("reductions_cuda.top_k", {operand(dtype, {5, 5000})}, {{"k", 300}});
    const std::vector<std::int64_t> all = {0, 1}, rows = {0};
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_min"}) {
      const std::string kernel = fmt::format("reductions_cuda.{}", op);
      add(kernel, {operand(dtype, {700, 1001})}, {{"axes", all}});
      add(kernel, {operand(dtype, {300, 5000})}, {{"axes", rows}});
      add(kernel, {operand(dtype, {40000, 3})}, {{"axes", rows}});
      add(kernel, {operand(dtype, {40, 3000})}, {{"axes", std::vector<std::int64_t>{1}}});
    }
  }
  return cases;
}

double bound_of(Dtype dtype) {
  if (dtype == Dtype::f16) return 2e-3;
  return dtype == Dtype::f32 ? 1e-5 : 1.6e-2;
}

class LargeCases : public testing::TestWithParam<LargeCase> {};

TEST_P(LargeCases, AgreeWithTheReference) {
  if (kernels::cuda_kernels().empty()) GTEST_SKIP() << "built without nvcc";
  const auto found = std::ranges::find(kernels::cuda_kernels(), GetParam().kernel,
                                       [](const Kernel& kernel) { return kernel.info.name; });
  const bool is_generated = GetParam().kernel.starts_with("fused_nvrtc");
  if (is_generated && found == kernels::cuda_kernels().end()) GTEST_SKIP() << "no nvrtc here";
  ASSERT_NE(found, kernels::cuda_kernels().end()) << GetParam().kernel;
  const Op& op = ops::all_ops().get(found->info.op);
  const Workload workload = workload_of(op, GetParam().sample);
  SCOPED_TRACE(workload.to_text());
  ASSERT_EQ(refusal(found->info, workload), std::nullopt);
  if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  Random random(20261121);
  const std::vector<Tensor> inputs = ops::draw(GetParam().sample, random);
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const auto reference = test::reference_outputs(op, workload.attributes, inputs);
  const auto expect_right = [&](const std::vector<TensorView>& views, std::int64_t shift,
                                std::string_view what) {
    SCOPED_TRACE(what);
    const auto outcome =
        test::run_kernel_on_device(*found, op, workload.attributes, views, {}, shift);
    EXPECT_TRUE(outcome.is_repeatable) << "a second run gave other bytes";
    EXPECT_FALSE(outcome.wrote_outside);
    for (std::size_t i = 0; i < reference.size(); ++i) {
      const Dtype dtype = outcome.outputs[i].dtype();
      const Tensor wanted = is_float(dtype) ? reference[i] : reference[i].cast(dtype);
      const double bound = is_float(dtype) ? bound_of(inputs[0].dtype()) : 0;
      EXPECT_LE(compare(outcome.outputs[i].view(), wanted.view()).relative, bound)
          << "output " << i;
    }
  };
  expect_right(views, 0, "dense");
  expect_right(views, 1, "shifted by one element");
  // The first operand as a part of a wider one, or its heads beside each other.
  const int rank = views[0].rank;
  for (const auto arrangement : {test::Arrangement::gaps, test::Arrangement::permuted}) {
    if (rank < 3 || found->info.op == "update_slice") continue;
    const test::StridedInput arranged = test::arrange(inputs[0], arrangement);
    std::vector<TensorView> others = views;
    others[0] = arranged.view;
    expect_right(others, 0, test::to_string(arrangement));
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, LargeCases, testing::ValuesIn(cases()),
                         [](const testing::TestParamInfo<LargeCase>& info) {
                           std::string name = fmt::format("{}_{}", info.param.kernel, info.index);
                           std::ranges::replace(name, '.', '_');
                           return name;
                         });

}  // namespace
}  // namespace paceline
