#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/graph/op.h"
#include "kernels/kernel.h"
#include "tests/support/run_kernel.h"

namespace paceline::test {

// What holds for every kernel on every sample of its op that it accepts, whatever device runs it: a
// suite says how a kernel is run, and names what it asks of it.
class EveryKernel : public testing::TestWithParam<const Kernel*> {
 protected:
  // A sample with its inputs drawn.
  struct Case {
    const Op& op;
    Workload workload;  // Dense; its attributes are complete.
    std::vector<Tensor> inputs;

    Case(const Op& op, const Sample& sample);
    std::vector<Tensor> reference() const;
    std::vector<TensorView> views() const;
  };

  // Runs the kernel on the inputs as they lie.
  virtual KernelOutcome run(const Case& one, const std::vector<TensorView>& inputs,
                            const RunOptions& options) = 0;

  const Kernel& kernel() const { return *GetParam(); }
  const Op& op() const;
  bool takes(const Workload& workload) const;
  // The samples that the kernel takes when all operands are dense.
  std::vector<Case> cases() const;
  virtual std::size_t cases_max() const { return SIZE_MAX; }
  std::string place(const Case& one, std::string_view what) const;

  // As of the reference, by its bounds; runs it.
  virtual void check(const Case& one, const std::vector<Tensor>& reference,
                     const std::vector<TensorView>& inputs, std::string_view what,
                     const RunOptions& options = {});

  void takes_a_sample_of_its_op();
  void agrees_with_the_reference(std::string_view what = "dense", const RunOptions& options = {});
  void takes_the_strides_that_it_says_it_takes();
  void takes_broadcast_operands_where_it_says_so();
  void passes_nan_and_infinity_through();
  void works_in_place_where_its_op_allows_it();
};

// The kernel's, in letters that gtest takes.
std::string name_of(const testing::TestParamInfo<const Kernel*>& info);

}  // namespace paceline::test
