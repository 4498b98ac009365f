#include <gtest/gtest.h>

#include <cstring>
#include <numeric>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

Tensor numbered(const Extents& extents, double first) {
  std::vector<double> elements(element_count(extents));
  std::iota(elements.begin(), elements.end(), first);
  return Tensor::of<double>(extents, elements).cast(Dtype::i32);
}

struct Case {
  Extents first, second;
  std::int64_t axis;
};

// Each with enough elements for several threads, and rows that they do not share evenly.
TEST(ConcatParallel, PutsEveryPartIntoItsPlaceByAnyNumberOfThreads) {
  const Op& concat = ops::all_ops().get("concat");
  const Kernel& kernel = *kernels::find_kernel("concat_parallel");
  for (const Case& c : {Case{{301, 400}, {301, 130}, 1}, Case{{301, 400}, {77, 400}, 0},
                        Case{{1, 1, 211, 300}, {1, 1, 211, 3}, -1}, Case{{1, 90001}, {1, 5}, 1},
                        Case{{1, 70001}, {3, 70001}, 0}, Case{{300, 300}, {0, 300}, 0}}) {
    const Attributes attributes = Attributes{{"axis", c.axis}};
    const std::vector<Tensor> parts{numbered(c.first, 0), numbered(c.second, 1e6)};
    const auto wanted = test::reference_outputs(concat, attributes, parts);
    for (const test::Arrangement arrangement : test::all_arrangements) {
      const test::StridedInput inputs[] = {test::arrange(parts[0], arrangement),
                                           test::arrange(parts[1], arrangement)};
      const std::vector<TensorView> views{inputs[0].view, inputs[1].view};
      for (const int threads : {1, 2, 3}) {
        const auto outcome =
            test::run_kernel(kernel, concat, attributes, views, {.threads = threads});
        EXPECT_FALSE(outcome.wrote_outside);
        EXPECT_EQ(compare(outcome.outputs[0].view(), wanted[0].view()).relative, 0)
            << to_string(c.first) << " " << to_string(arrangement) << " " << threads;
      }
    }
  }
}

}  // namespace
}  // namespace paceline
