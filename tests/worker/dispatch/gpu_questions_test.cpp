#include "worker/dispatch/gpu_questions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/error.h"
#include "common/ops/all_ops.h"

namespace paceline {
namespace {

using testing::HasSubstr;
using testing::Optional;

struct RowsMax : Prepared {
  std::int64_t rows = 4;
};

// Takes four rows at most, of operands that lie well.
Kernel few_rows() {
  return {
      .info = {.name = "few_rows", .op = "exp", .device = DeviceKind::cuda},
      .prepare = [](const Attributes&, const Resources&) { return std::make_unique<RowsMax>(); },
      .bind =
          [](const Call& call) {
            const TensorView& x = call.inputs[0];
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(x.data) % 256, 0u);
            EXPECT_NE(x.data, call.outputs[0].data);
            EXPECT_TRUE(x.is_dense());
            if (x.extents[0] > call.state<RowsMax>().rows) {
              throw unsupported("few_rows takes up to 4 rows: {}", x.extents[0]);
            }
          },
  };
}

std::optional<std::string> answer(const Kernel& kernel, std::int64_t rows) {
  const Workload workload =
      parse_workload(fmt::format("exp(f32[{0},64]) -> f32[{0},64]", rows), ops::all_ops());
  return bind_refusal(kernel, workload, {}, nullptr);
}

TEST(BindRefusal, IsWhatTheKernelSays) {
  EXPECT_THAT(answer(few_rows(), 48), Optional(HasSubstr("takes up to 4 rows: 48")));
  EXPECT_EQ(answer(few_rows(), 4), std::nullopt);
  EXPECT_EQ(answer(few_rows(), 0), std::nullopt);
}

TEST(BindRefusal, IsNotAFailureOfAnotherKind) {
  Kernel kernel = few_rows();
  kernel.bind = [](const Call&) { throw exhausted("no memory for its state"); };
  EXPECT_EQ(answer(kernel, 4), std::nullopt);
}

}  // namespace
}  // namespace paceline
