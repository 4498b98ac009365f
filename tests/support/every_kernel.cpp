#include "tests/support/every_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>
#include <limits>
#include <span>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"

namespace paceline::test {
namespace {

Workload with_inputs(Workload workload, const std::vector<TensorView>& views) {
  for (std::size_t i = 0; i < views.size(); ++i) workload.inputs[i] = operand_of(views[i]);
  return workload;
}

double bound_of(Dtype dtype) {
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
}

// The relative error that a kernel may make, by the dtypes that it rounds to. Integers are exact.
double error_bound(const Kernel& kernel, Dtype input, Dtype output) {
  if (!is_float(output)) return 0;
  const double bound = std::max(bound_of(output), bound_of(input));
  return kernel.info.precision == Precision::narrows ? std::max(bound, 2e-2) : bound;
}

// The largest error of one element, in units of the output's RMS, may be this much larger.
constexpr double elementwise_factor = 10;

void expect_correct(const Kernel& kernel, std::span<const Tensor> inputs,
                    const std::vector<Tensor>& reference, const KernelOutcome& outcome) {
  EXPECT_TRUE(outcome.is_repeatable) << "a second run gave other bytes";
  EXPECT_FALSE(outcome.wrote_outside) << "wrote outside its output or workspace";
  for (std::size_t i = 0; i < reference.size(); ++i) {
    const Dtype output = outcome.outputs[i].dtype();
    const Dtype input = inputs.empty() ? output : inputs[0].dtype();
    // References hold integers in 64 bits; narrower ones wrap around.
    const Tensor wanted = is_float(output) ? reference[i] : reference[i].cast(output);
    const TensorError error = compare(outcome.outputs[i].view(), wanted.view());
    const double bound = error_bound(kernel, input, output);
    EXPECT_LE(error.relative, bound) << "output " << i;
    EXPECT_LE(error.elementwise, elementwise_factor * bound) << "output " << i;
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

}  // namespace

EveryKernel::Case::Case(const Op& op, const Sample& sample)
    : op(op), workload(workload_of(op, sample)) {
  Random random(20261121);
  inputs = ops::draw(sample, random);
}

std::vector<Tensor> EveryKernel::Case::reference() const {
  return reference_outputs(op, workload.attributes, inputs);
}

std::vector<TensorView> EveryKernel::Case::views() const {
  std::vector<TensorView> views;
  for (const Tensor& tensor : inputs) views.push_back(tensor.view());
  return views;
}

const Op& EveryKernel::op() const { return ops::all_ops().get(kernel().info.op); }

bool EveryKernel::takes(const Workload& workload) const {
  return !refusal(kernel().info, workload);
}

std::vector<EveryKernel::Case> EveryKernel::cases() const {
  std::vector<Case> cases;
  for (const Sample& sample : op().samples) {
    if (cases.size() == cases_max()) break;
    if (takes(workload_of(op(), sample))) cases.emplace_back(op(), sample);
  }
  return cases;
}

std::string EveryKernel::place(const Case& one, std::string_view what) const {
  return fmt::format("{} on {}, {}", kernel().info.name, one.workload.to_text(), what);
}

void EveryKernel::check(const Case& one, const std::vector<Tensor>& reference,
                        const std::vector<TensorView>& inputs, std::string_view what,
                        const RunOptions& options) {
  SCOPED_TRACE(place(one, what));
  expect_correct(kernel(), one.inputs, reference, run(one, inputs, options));
}

void EveryKernel::takes_a_sample_of_its_op() { EXPECT_FALSE(cases().empty()); }

void EveryKernel::agrees_with_the_reference(std::string_view what, const RunOptions& options) {
  for (const Case& one : cases()) check(one, one.reference(), one.views(), what, options);
}

void EveryKernel::takes_the_strides_that_it_says_it_takes() {
  for (const Case& one : cases()) {
    const std::vector<Tensor> reference = one.reference();
    for (const Arrangement arrangement : all_arrangements) {
      std::vector<TensorView> views = one.views();
      std::vector<StridedInput> arranged;
      for (std::size_t i = 0; i < views.size(); ++i) {
        const TensorView dense = views[i];
        arranged.push_back(arrange(one.inputs[i], arrangement));
        views[i] = arranged.back().view;
        if (!takes(with_inputs(one.workload, views))) views[i] = dense;
      }
      if (with_inputs(one.workload, views) == one.workload) continue;
      check(one, reference, views, to_string(arrangement));
    }
  }
}

void EveryKernel::takes_broadcast_operands_where_it_says_so() {
  for (Case& one : cases()) {
    for (std::size_t i = 0; i < one.inputs.size(); ++i) {
      std::vector<TensorView> views = one.views();
      if (views[i].rank < 2 || views[i].extents[0] == 1) continue;
      views[i].strides[0] = 0;
      if (!takes(with_inputs(one.workload, views))) continue;
      repeat_first_slice(one.inputs[i]);
      check(one, one.reference(), views, fmt::format("input {} broadcast", i));
    }
  }
}

void EveryKernel::passes_nan_and_infinity_through() {
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
    check(one, one.reference(), one.views(), "with NaN and infinity");
  }
}

void EveryKernel::works_in_place_where_its_op_allows_it() {
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
      check(one, reference, one.views(), what, {.in_place = in_place});
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

std::string name_of(const testing::TestParamInfo<const Kernel*>& info) {
  std::string name = info.param->info.name;
  std::ranges::replace_if(
      name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

}  // namespace paceline::test
