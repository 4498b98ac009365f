#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

// Highway dispatches to `target` alone while this lives.
class OnlyTarget {
 public:
  explicit OnlyTarget(std::int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~OnlyTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  OnlyTarget(const OnlyTarget&) = delete;
  OnlyTarget& operator=(const OnlyTarget&) = delete;
};

void expect_correct(const Kernel& kernel, const Sample& sample) {
  const Op& op = ops::all_ops().get(kernel.info.op);
  const Workload workload = workload_of(op, sample);
  if (refusal(kernel.info, workload) || workload.inputs[0].dtype != Dtype::f32) return;
  SCOPED_TRACE(kernel.info.name + " on " + workload.to_text());
  Random random(20261121);
  const std::vector<Tensor> inputs = ops::draw(sample, random);
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) views.push_back(input.view());
  const auto outcome = test::run_kernel(kernel, op, workload.attributes, views);
  const auto reference = test::reference_outputs(op, workload.attributes, inputs);
  const double bound = kernel.info.precision == Precision::narrows ? 5e-3 : 1e-5;
  EXPECT_LE(compare(outcome.outputs[0].view(), reference[0].view()).relative, bound);
  EXPECT_FALSE(outcome.wrote_outside);
}

// Everywhere else only the best target of this machine runs.
TEST(SimdTargets, AllAgreeWithTheReference) {
  for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_EMU128, HWY_NEON}) {
    if ((hwy::SupportedTargets() & target) == 0) continue;
    SCOPED_TRACE(hwy::TargetName(target));
    const OnlyTarget only(target);
    for (const Kernel& kernel : kernels::all_kernels()) {
      if (kernel.info.name.find("simd") == std::string::npos) continue;
      for (const Sample& sample : ops::all_ops().get(kernel.info.op).samples) {
        expect_correct(kernel, sample);
      }
    }
  }
}

}  // namespace
}  // namespace paceline
