#include "worker/dispatch/gpu_questions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Optional;

class GpuQuestionsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
    questions_.emplace(kernels::cuda_kernels(), *kernels::device_runtime(), 0);
  }

  std::optional<std::string> rows(std::int64_t rows) {
    const Workload workload =
        parse_workload(fmt::format("linear(bf16[{0},64], bf16[256,64], transpose_weight=true) -> "
                                   "bf16[{0},256]",
                                   rows),
                       ops::all_ops());
    return questions_->refusal("load_rows_cuda.linear", workload);
  }

  std::optional<GpuQuestions> questions_;
};

TEST_F(GpuQuestionsTest, AreAnsweredByWhatBindSays) {
  EXPECT_THAT(rows(48), Optional(HasSubstr("load_rows_cuda takes up to")));
  EXPECT_EQ(rows(1), std::nullopt);
  EXPECT_EQ(rows(0), std::nullopt);
}

// Operands lie nowhere: who touched one would have broken the context.
TEST_F(GpuQuestionsTest, TouchNoOperandOfAnyKernel) {
  int asked = 0;
  for (const Op& op : ops::all_ops().all()) {
    for (const Sample& sample : op.samples) {
      const Workload workload = workload_of(op, sample);
      for (const Kernel& kernel : kernels::cuda_kernels()) {
        if (refusal(kernel.info, workload)) continue;
        questions_->refusal(kernel.info.name, workload);
        ++asked;
      }
    }
  }
  EXPECT_GT(asked, 500);
  EXPECT_FALSE(kernels::device_runtime()->open_queue(0)->finish().has_value());
  EXPECT_GT(kernels::device_runtime()->memory(0).free_bytes, 0);
}

}  // namespace
}  // namespace paceline
