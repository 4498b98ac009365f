#include <gtest/gtest.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

// Later positions see earlier ones of the same call.
TEST(DecoderLayerPlain, TakesSeveralPositions) {
  const Op& op = ops::all_ops().get("decoder_layer");
  const auto kernel = std::ranges::find(kernels::all_kernels(), "decoder_layer_plain",
                                        [](const Kernel& kernel) { return kernel.info.name; });
  ASSERT_NE(kernel, kernels::all_kernels().end());
  for (Sample sample : op.samples) {
    if (sample.inputs[0].dtype != Dtype::f32) continue;
    constexpr std::int64_t positions = 3;
    for (const std::size_t i : {0, 5, 6}) {  // x and the tables of angles.
      sample.inputs[i].extents[sample.inputs[i].extents.size() - 2] = positions;
    }
    const Attributes attributes = sample.attributes.complete(op.name, op.attributes);
    Random random(7);
    const std::vector<Tensor> inputs = ops::draw(sample, random);
    std::vector<TensorView> views;
    for (const Tensor& input : inputs) views.push_back(input.view());
    const auto wanted = test::reference_outputs(op, attributes, inputs);
    const auto got = test::run_kernel(*kernel, op, attributes, views);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      EXPECT_LE(compare(got.outputs[i].view(), wanted[i].view()).relative, 1e-5) << i;
    }
  }
}

}  // namespace
}  // namespace paceline
