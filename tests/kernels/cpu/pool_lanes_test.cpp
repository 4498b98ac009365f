#include <gtest/gtest.h>

#include <limits>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What only pools with channels in blocks find hard: whole vectors, windows beside padding or in
// it, NaN.
namespace paceline {
namespace {

using Integers = std::vector<std::int64_t>;

struct Pool {
  Extents x;
  std::int64_t kernel, stride, dilation, pad;
};

Attributes attributes_of(const Pool& pool, const Op& op) {
  return Attributes{{"kernel", Integers{pool.kernel, pool.kernel, 1}},
                    {"strides", Integers{pool.stride, pool.stride, 1}},
                    {"dilations", Integers{pool.dilation, pool.dilation, 1}},
                    {"pads_low", Integers{pool.pad, pool.pad, 0}},
                    {"pads_high", Integers{pool.pad, pool.pad, 0}}}
      .complete(op.name, op.attributes);
}

void check(const Kernel& kernel, const Pool& pool, int threads) {
  const Op& op = ops::all_ops().get(kernel.info.op);
  const Attributes attributes = attributes_of(pool, op);
  Random random(1);
  std::vector<Tensor> inputs{ops::draw({Dtype::f32, pool.x}, random)};
  inputs[0].as<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<TensorView> views{inputs[0].view()};
  const auto outcome = test::run_kernel(kernel, op, attributes, views, {.threads = threads});
  EXPECT_FALSE(outcome.wrote_outside);
  const auto wanted = test::reference_outputs(op, attributes, inputs);
  EXPECT_LT(compare(outcome.outputs[0].view(), wanted[0].view()).relative, 1e-5)
      << kernel.info.name << ", windows of " << pool.kernel;
}

TEST(PoolLanes, FoldWholeBlocks) {
  int count = 0;
  for (const Kernel& kernel : kernels::all_kernels()) {
    if (!kernel.info.name.starts_with("pool_lanes_simd")) continue;
    for (const Pool& pool :
         {Pool{{1, 2, 11, 13, 16}, 3, 2, 1, 1}, Pool{{2, 1, 8, 8, 16}, 2, 2, 1, 0},
          Pool{{1, 1, 9, 7, 32}, 4, 1, 1, 2}, Pool{{1, 3, 10, 9, 16}, 3, 1, 2, 2},
          Pool{{1, 2, 6, 6, 16}, 5, 3, 1, 2}}) {
      for (const int threads : {1, 2}) check(kernel, pool, threads);
      ++count;
    }
  }
  EXPECT_EQ(count, 10);
}

}  // namespace
}  // namespace paceline
