#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <span>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

Tensor numbered(Dtype dtype, const Extents& extents) {
  std::vector<double> elements(element_count(extents));
  std::iota(elements.begin(), elements.end(), 0);
  return Tensor::of<double>(extents, elements).cast(dtype);
}

// Tiles at the edges are not square, and each width of element has its own loop.
TEST(CopyPlain, KeepsEveryElementOfEveryArrangement) {
  const Op& copy = ops::all_ops().get("copy");
  const Kernel& kernel = *kernels::find_kernel("copy_plain");
  for (const Dtype dtype : {Dtype::f64, Dtype::i32, Dtype::bf16, Dtype::u8}) {
    for (const Extents& extents : {Extents{17, 33}, {3, 40, 19}, {2, 3, 5, 7}, {16, 1, 16}}) {
      const Tensor elements = numbered(dtype, extents);
      for (const test::Arrangement arrangement : test::all_arrangements) {
        const test::StridedInput input = test::arrange(elements, arrangement);
        const auto outcome = test::run_kernel(kernel, copy, {}, std::span(&input.view, 1));
        EXPECT_EQ(std::memcmp(outcome.outputs[0].data(), elements.data(), elements.size_bytes()), 0)
            << to_string(dtype) << to_string(extents) << " " << to_string(arrangement);
        EXPECT_FALSE(outcome.wrote_outside);
      }
    }
  }
}

}  // namespace
}  // namespace paceline
