#include "tests/support/every_kernel.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "kernels/cuda_module.h"
#include "tests/support/run_kernel_on_device.h"

// What tests/kernels/every_kernel_test.cpp demands of every kernel, of those of the GPU.
// PACELINE_QUICK=1 takes the first sample of each alone.
namespace paceline {
namespace {

class EveryKernel : public test::EveryKernel {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  std::size_t cases_max() const override {
    return std::getenv("PACELINE_QUICK") != nullptr ? 1 : SIZE_MAX;
  }

  test::KernelOutcome run(const Case& one, const std::vector<TensorView>& inputs,
                          const test::RunOptions& options) override {
    return test::run_kernel_on_device(kernel(), op(), one.workload.attributes, inputs, options,
                                      shift_);
  }

  void check(const Case& one, const std::vector<Tensor>& reference,
             const std::vector<TensorView>& inputs, std::string_view what,
             const test::RunOptions& options) override {
    try {
      test::EveryKernel::check(one, reference, inputs, what, options);
    } catch (const kernels::DeviceLost& lost) {
      // Nothing after it says anything: the process ends, and the next shard goes on.
      fmt::print(stderr, "{}: {}\n", place(one, what), lost.what());
      std::fflush(nullptr);
      std::_Exit(86);
    } catch (const Error& error) {
      // A rival says in `bind` which shapes it does not take; a plain kernel takes all.
      if (!kernel().info.is_plain && error.kind() == ErrorKind::unsupported) return;
      ADD_FAILURE() << place(one, what) << ": " << error.what();
    }
  }

  std::int64_t shift_ = 0;  // Of every input, in elements.
};

TEST_P(EveryKernel, TakesASampleOfItsOp) { takes_a_sample_of_its_op(); }

TEST_P(EveryKernel, AgreesWithTheReference) { agrees_with_the_reference(); }

TEST_P(EveryKernel, TakesOperandsOfTheirOwnAlignmentAlone) {
  shift_ = 1;
  agrees_with_the_reference("shifted by one element");
}

TEST_P(EveryKernel, TakesTheStridesThatItSaysItTakes) { takes_the_strides_that_it_says_it_takes(); }

TEST_P(EveryKernel, TakesBroadcastOperandsWhereItSaysSo) {
  takes_broadcast_operands_where_it_says_so();
}

TEST_P(EveryKernel, PassesNanAndInfinityThrough) { passes_nan_and_infinity_through(); }

TEST_P(EveryKernel, WorksInPlaceWhereItsOpAllowsIt) { works_in_place_where_its_op_allows_it(); }

std::vector<const Kernel*> kernels_of_the_gpu() {
  std::vector<const Kernel*> found;
  for (const Kernel& kernel : kernels::cuda_kernels()) {
    if (kernel.crossing == Kernel::Crossing::none) found.push_back(&kernel);
  }
  return found;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(EveryKernel);
INSTANTIATE_TEST_SUITE_P(Cuda, EveryKernel, testing::ValuesIn(kernels_of_the_gpu()), test::name_of);

}  // namespace
}  // namespace paceline
