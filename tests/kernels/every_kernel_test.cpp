#include "tests/support/every_kernel.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"

// What holds for every kernel of the CPU. Tests of one kernel, for what only it finds hard, are in
// the folders beside this file.
namespace paceline {
namespace {

class EveryKernel : public test::EveryKernel {
 protected:
  test::KernelOutcome run(const Case& one, const std::vector<TensorView>& inputs,
                          const test::RunOptions& options) override {
    return test::run_kernel(kernel(), op(), one.workload.attributes, inputs, options);
  }
};

TEST_P(EveryKernel, TakesASampleOfItsOp) { takes_a_sample_of_its_op(); }

TEST_P(EveryKernel, AgreesWithTheReference) { agrees_with_the_reference(); }

TEST_P(EveryKernel, AgreesWithTheReferenceOnTwoThreads) {
  agrees_with_the_reference("two threads", {.threads = 2});
}

TEST_P(EveryKernel, TakesTheStridesThatItSaysItTakes) { takes_the_strides_that_it_says_it_takes(); }

TEST_P(EveryKernel, TakesBroadcastOperandsWhereItSaysSo) {
  takes_broadcast_operands_where_it_says_so();
}

TEST_P(EveryKernel, PassesNanAndInfinityThrough) { passes_nan_and_infinity_through(); }

TEST_P(EveryKernel, WorksInPlaceWhereItsOpAllowsIt) { works_in_place_where_its_op_allows_it(); }

TEST_P(EveryKernel, RefusesOtherOpsAndDtypesByName) {
  const Case one = cases().front();
  Workload other_op = one.workload;
  other_op.op = "unheard_of";
  EXPECT_THAT(refusal(kernel().info, other_op),
              testing::Optional(testing::HasSubstr("unheard_of")));

  Workload other_dtype = one.workload;
  OperandType& first = other_dtype.inputs.empty() ? other_dtype.outputs[0] : other_dtype.inputs[0];
  for (const Dtype dtype : {Dtype::f64, Dtype::f32, Dtype::i8, Dtype::boolean}) {
    first.dtype = dtype;
    const bool is_listed = std::ranges::count(kernel().info.accepts.dtypes, dtype) > 0;
    if (is_listed) continue;
    EXPECT_THAT(refusal(kernel().info, other_dtype),
                testing::Optional(testing::HasSubstr(std::string(to_string(dtype)))));
  }
}

std::vector<const Kernel*> cpu_kernels() {
  std::vector<const Kernel*> found;
  for (const Kernel& kernel : kernels::all_kernels()) {
    if (kernel.info.device == DeviceKind::cpu) found.push_back(&kernel);
  }
  return found;
}

INSTANTIATE_TEST_SUITE_P(Cpu, EveryKernel, testing::ValuesIn(cpu_kernels()), test::name_of);

TEST(EveryOp, HasAPlainKernelThatTakesItsSamples) {
  for (const Op& op : ops::all_ops().all()) {
    if (op.view) continue;
    const Kernel* plain = kernels::find_kernel(op.name + "_plain");
    ASSERT_NE(plain, nullptr) << op.name;
    EXPECT_TRUE(plain->info.is_plain) << op.name;
    for (const Sample& sample : op.samples) {
      EXPECT_EQ(refusal(plain->info, workload_of(op, sample)), std::nullopt) << op.name;
    }
  }
}

TEST(AllKernels, AreFoundByNameAndByOp) {
  EXPECT_EQ(kernels::find_kernel("matmul_plain")->info.op, "matmul");
  EXPECT_EQ(kernels::find_kernel("unheard_of"), nullptr);
  EXPECT_THAT(kernels::kernels_of("matmul"),
              testing::Contains(kernels::find_kernel("matmul_plain")));
  EXPECT_THAT(kernels::kernels_of("unheard_of"), testing::IsEmpty());
}

TEST(AllKernels, SayWhatTheyAre) {
  for (const Kernel& kernel : kernels::all_kernels()) {
    SCOPED_TRACE(kernel.info.name);
    EXPECT_NE(ops::all_ops().find(kernel.info.op), nullptr) << kernel.info.op;
    EXPECT_NE(kernel.run, nullptr);
    EXPECT_FALSE(kernel.info.library.empty());
    EXPECT_FALSE(kernel.info.source.empty());
    EXPECT_GT(kernel.info.expected_efficiency, 0);
    // Arithmetic in fewer bits than the roofline counts: f16 twice as fast, int8 four times.
    const double most = kernel.info.precision == Precision::narrows ? 4 : 1;
    EXPECT_LE(kernel.info.expected_efficiency, most);
  }
}

}  // namespace
}  // namespace paceline
