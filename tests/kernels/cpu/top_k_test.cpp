#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

std::vector<Tensor> run(const Tensor& x, std::int64_t k, std::int64_t axis = -1) {
  const Op& op = ops::all_ops().get("top_k");
  const Attributes attributes =
      Attributes{{"k", k}, {"axis", axis}}.complete("top_k", op.attributes);
  const std::vector<TensorView> views = {x.view()};
  return test::run_kernel(*kernels::find_kernel("top_k_plain"), op, attributes, views).outputs;
}

TEST(TopKPlain, KeepsEqualsInTheirOrder) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::of<float>({1, 7}, {1, 3, 2, nan, 3, 1, 3});
  EXPECT_THAT(run(x, 7)[1].to_doubles(), testing::ElementsAre(3, 1, 4, 6, 2, 0, 5));
  EXPECT_THAT(run(x, 3)[1].to_doubles(), testing::ElementsAre(3, 1, 4));
  EXPECT_THAT(run(x, 0)[1].to_doubles(), testing::IsEmpty());
}

// Integers of 19 values: most elements have equals.
TEST(TopKPlain, SortsAsTheReferenceDoesForEveryK) {
  const Op& op = ops::all_ops().get("top_k");
  Random random(11);
  const Tensor x = ops::draw({Dtype::i32, {3, 200}}, random);
  for (const std::int64_t k : {1, 2, 63, 199, 200}) {
    const Attributes attributes = Attributes{{"k", k}}.complete("top_k", op.attributes);
    const auto wanted = test::reference_outputs(op, attributes, std::vector{x});
    const auto got = run(x, k);
    EXPECT_EQ(got[0].to_doubles(), wanted[0].to_doubles()) << k;
    EXPECT_EQ(got[1].to_doubles(), wanted[1].to_doubles()) << k;
  }
}

}  // namespace
}  // namespace paceline
