// Counts what the calling thread allocates in a run, for the one promise that only this can show.

#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/allocation_count.h"
#include "tests/support/run_kernel.h"

namespace paceline {
namespace {

using testing::allocation_count;

void (*counted_run)(const Call&) = nullptr;
std::int64_t last_count = 0;  // Of the latest run.

Kernel counting(const Kernel& kernel) {
  Kernel counted = kernel;
  counted_run = kernel.run;
  counted.run = [](const Call& call) {
    const std::int64_t before = allocation_count;
    counted_run(call);
    last_count = allocation_count - before;
  };
  return counted;
}

// oneDNN lists the arguments of a primitive in a table of its own.
bool executes_primitives(const Kernel& kernel) {
  return kernel.info.library == "onednn" && !kernel.info.name.ends_with(".sgemm");
}

// Two runs each: libraries set up their thread on the first.
TEST(EveryKernel, AllocatesNothingInItsSecondRun) {
  Random random(20261121);
  for (const Kernel& kernel : kernels::all_kernels()) {
    if (kernel.info.device != DeviceKind::cpu || executes_primitives(kernel)) continue;
    const Kernel counted = counting(kernel);
    const Op& op = ops::all_ops().get(kernel.info.op);
    for (const Sample& sample : op.samples) {
      const Workload workload = workload_of(op, sample);
      if (refusal(kernel.info, workload)) continue;
      const std::vector<Tensor> inputs = ops::draw(sample, random);
      std::vector<TensorView> views;
      for (const Tensor& input : inputs) views.push_back(input.view());
      test::run_kernel(counted, op, workload.attributes, views);
      EXPECT_EQ(last_count, 0) << kernel.info.name << " on " << workload.to_text();
    }
  }
}

}  // namespace
}  // namespace paceline
