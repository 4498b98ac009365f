#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/ops/all_ops.h"
#include "kernels/cuda_module.h"

// What the CUDA module says of itself: this needs no GPU.
namespace paceline {
namespace {

class CudaModule : public testing::Test {
 protected:
  void SetUp() override {
    if (kernels::cuda_kernels().empty()) GTEST_SKIP() << "built without nvcc";
  }

  bool some_kernel_takes(const Workload& workload) const {
    return std::ranges::any_of(kernels::cuda_kernels(), [&](const Kernel& kernel) {
      return !refusal(kernel.info, workload);
    });
  }
};

TEST_F(CudaModule, HasAKernelForEverySampleOfEveryOpOrItsParts) {
  for (const Op& op : ops::all_ops().all()) {
    if (op.view || op.decompose) continue;
    for (const Sample& sample : op.samples) {
      const Workload workload = workload_of(op, sample);
      EXPECT_TRUE(some_kernel_takes(workload)) << workload.to_text();
    }
  }
}

TEST_F(CudaModule, SaysWhatItsKernelsAre) {
  std::vector<std::string> names;
  for (const Kernel& kernel : kernels::cuda_kernels()) {
    SCOPED_TRACE(kernel.info.name);
    names.push_back(kernel.info.name);
    EXPECT_EQ(kernel.info.device, DeviceKind::cuda);
    EXPECT_NE(ops::all_ops().find(kernel.info.op), nullptr) << kernel.info.op;
    EXPECT_NE(kernel.run, nullptr);
    EXPECT_FALSE(kernel.info.library.empty());
    EXPECT_FALSE(kernel.info.source.empty());
    EXPECT_GT(kernel.info.expected_efficiency, 0);
    const double most = kernel.info.precision == Precision::narrows ? 16 : 1;
    EXPECT_LE(kernel.info.expected_efficiency, most);
  }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end()) << "two kernels of one name";
}

}  // namespace
}  // namespace paceline
