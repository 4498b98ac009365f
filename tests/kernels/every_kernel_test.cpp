#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// What holds for every kernel on every sample of its op that it accepts. Tests of one kernel, for
// what only it finds hard, are in the folders beside this file.
namespace paceline {
namespace {

using test::Arrangement;
using test::KernelOutcome;

// A sample with its inputs drawn.
struct Case {
  const Op& op;
  Workload workload;  // Dense; its attributes are complete.
  std::vector<Tensor> inputs;

  Case(const Op& op, const Sample& sample) : op(op), workload(workload_of(op, sample)) {
    Random random(20261121);
    inputs = ops::draw(sample, random);
  }

  std::vector<Tensor> reference() const {
    return test::reference_outputs(op, workload.attributes, inputs);
  }
};

std::vector<TensorView> views_of(const std::vector<Tensor>& tensors) {
  std::vector<TensorView> views;
  for (const Tensor& tensor : tensors) views.push_back(tensor.view());
  return views;
}

Workload with_inputs(Workload workload, const std::vector<TensorView>& views) {
  for (std::size_t i = 0; i < views.size(); ++i) workload.inputs[i] = test::operand_of(views[i]);
  return workload;
}

// The relative error that a kernel may make, by the dtypes that it rounds to. Integers are exact.
double error_bound(const Kernel& kernel, Dtype input, Dtype output) {
  const auto of_dtype = [](Dtype dtype) {
    switch (dtype) {
      case Dtype::f64:
        return 1e-12;
      case Dtype::f32:
        return 1e-5;
      case Dtype::f16:
        return 2e-3;
      case Dtype::bf16:
        return 1.6e-2;
      default:
        return 0.0;
    }
  };
  if (!is_float(output)) return 0;
  const double bound = std::max(of_dtype(output), of_dtype(input));
  return kernel.info.precision == Precision::narrows ? std::max(bound, 2e-2) : bound;
}

// The largest error of one element, in units of the output's RMS, may be this much larger.
constexpr double elementwise_factor = 10;

void expect_correct(const Kernel& kernel, const Case& one, const std::vector<Tensor>& reference,
                    const KernelOutcome& outcome) {
  EXPECT_TRUE(outcome.is_repeatable) << "a second run gave other bytes";
  EXPECT_FALSE(outcome.wrote_outside) << "wrote outside its output or workspace";
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const Dtype output = outcome.outputs[i].dtype();
    const Dtype input = one.inputs.empty() ? output : one.inputs[0].dtype();
    // References hold integers in 64 bits; narrower ones wrap around.
    const Tensor wanted = is_float(output) ? reference[i] : reference[i].cast(output);
    const TensorError error = compare(outcome.outputs[i].view(), wanted.view());
    const double bound = error_bound(kernel, input, output);
    EXPECT_LE(error.relative, bound) << "output " << i;
    EXPECT_LE(error.elementwise, elementwise_factor * bound) << "output " << i;
  }
}

class EveryKernel : public testing::TestWithParam<const Kernel*> {
 protected:
  const Kernel& kernel() const { return *GetParam(); }
  const Op& op() const { return ops::all_ops().get(kernel().info.op); }

  bool takes(const Workload& workload) const { return !refusal(kernel().info, workload); }

  // The samples that the kernel takes when all operands are dense.
  std::vector<Case> cases() const {
    std::vector<Case> cases;
    for (const Sample& sample : op().samples) {
      if (takes(workload_of(op(), sample))) cases.emplace_back(op(), sample);
    }
    return cases;
  }

  std::string place(const Case& one, std::string_view what) const {
    return fmt::format("{} on {}, {}", kernel().info.name, one.workload.to_text(), what);
  }

  void check(const Case& one, const std::vector<Tensor>& reference,
             const std::vector<TensorView>& inputs, std::string_view what,
             test::RunOptions options = {}) const {
    SCOPED_TRACE(place(one, what));
    expect_correct(kernel(), one, reference,
                   test::run_kernel(kernel(), op(), one.workload.attributes, inputs, options));
  }
};

TEST_P(EveryKernel, TakesASampleOfItsOp) { EXPECT_THAT(cases(), testing::Not(testing::IsEmpty())); }

TEST_P(EveryKernel, AgreesWithTheReference) {
  for (const Case& one : cases()) check(one, one.reference(), views_of(one.inputs), "dense");
}

TEST_P(EveryKernel, AgreesWithTheReferenceOnTwoThreads) {
  for (const Case& one : cases()) {
    check(one, one.reference(), views_of(one.inputs), "two threads", {.threads = 2});
  }
}

TEST_P(EveryKernel, TakesTheStridesThatItSaysItTakes) {
  for (const Case& one : cases()) {
    const std::vector<Tensor> reference = one.reference();
    for (const Arrangement arrangement : test::all_arrangements) {
      std::vector<TensorView> views = views_of(one.inputs);
      std::vector<test::StridedInput> arranged;
      for (std::size_t i = 0; i < views.size(); ++i) {
        const TensorView dense = views[i];
        arranged.push_back(test::arrange(one.inputs[i], arrangement));
        views[i] = arranged.back().view;
        if (!takes(with_inputs(one.workload, views))) views[i] = dense;
      }
      if (with_inputs(one.workload, views) == one.workload) continue;
      check(one, reference, views, to_string(arrangement));
    }
  }
}

// All slices along the first axis become equal to the first.
void repeat_first_slice(Tensor& tensor) {
  if (tensor.extents().empty() || tensor.element_count() == 0) return;
  const std::size_t slice = tensor.size_bytes() / tensor.extents()[0];
  for (std::size_t at = slice; at < tensor.size_bytes(); at += slice) {
    std::memcpy(tensor.as<std::byte>() + at, tensor.data(), slice);
  }
}

TEST_P(EveryKernel, TakesBroadcastOperandsWhereItSaysSo) {
  for (Case& one : cases()) {
    for (std::size_t i = 0; i < one.inputs.size(); ++i) {
      std::vector<TensorView> views = views_of(one.inputs);
      if (views[i].rank < 2 || views[i].extents[0] == 1) continue;
      views[i].strides[0] = 0;
      if (!takes(with_inputs(one.workload, views))) continue;
      repeat_first_slice(one.inputs[i]);
      check(one, one.reference(), views, fmt::format("input {} broadcast", i));
    }
  }
}

TEST_P(EveryKernel, PassesNanAndInfinityThrough) {
  for (Case& one : cases()) {
    if (one.inputs.empty() || !is_float(one.inputs[0].dtype())) continue;
    if (one.inputs[0].element_count() < 4) continue;
    constexpr double infinity = std::numeric_limits<double>::infinity();
    std::vector<double> elements = one.inputs[0].to_doubles();
    elements[0] = std::numeric_limits<double>::quiet_NaN();
    elements[elements.size() / 2] = infinity;
    elements[elements.size() - 1] = -infinity;
    one.inputs[0] =
        Tensor::of<double>(one.inputs[0].extents(), elements).cast(one.inputs[0].dtype());
    check(one, one.reference(), views_of(one.inputs), "with NaN and infinity");
  }
}

TEST_P(EveryKernel, WorksInPlaceWhereItsOpAllowsIt) {
  std::vector<std::pair<int, int>> pairs = op().in_place;
  pairs.insert(pairs.end(), op().updates.begin(), op().updates.end());
  for (const Case& one : cases()) {
    const std::vector<Tensor> reference = one.reference();
    const auto check_pairs = [&](const std::vector<std::pair<int, int>>& in_place) {
      std::string what = "in place:";
      for (const auto& pair : in_place) {
        if (pair.second >= static_cast<int>(one.inputs.size())) return;
        what += fmt::format(" output {} over input {}", pair.first, pair.second);
      }
      check(one, reference, views_of(one.inputs), what, {.in_place = in_place});
    };
    for (const auto& first : pairs) {
      check_pairs({first});
      for (const auto& second : pairs) {
        if (first.first < second.first && first.second != second.second) {
          check_pairs({first, second});
        }
      }
    }
  }
}

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

INSTANTIATE_TEST_SUITE_P(Cpu, EveryKernel, testing::ValuesIn(cpu_kernels()),
                         [](const testing::TestParamInfo<const Kernel*>& info) {
                           std::string name = info.param->info.name;
                           std::ranges::replace_if(
                               name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

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
