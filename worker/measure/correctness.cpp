#include "worker/measure/correctness.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "worker/measure/measurer.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

// A reference does some 10^8 flops a second.
constexpr double reference_flops_max = 1e8;
constexpr double excerpt_flops_max = 4e7;

std::vector<Tensor> results_of(const Operands& operands) {
  std::vector<Tensor> outputs;
  for (const TensorView& view : operands.outputs()) {
    outputs.push_back(Tensor::of<double>(view.shape(), to_doubles(view)));
  }
  return outputs;
}

// What lies beyond the range of the output's dtype is infinite there, as it must be.
Tensor within_range(const Tensor& expected, Dtype dtype) {
  if (!is_float(dtype) || dtype == Dtype::f64) return expected;
  const Tensor rounded = expected.cast(dtype).cast(Dtype::f64);
  Tensor clipped = expected.clone();
  for (std::int64_t i = 0; i < clipped.element_count(); ++i) {
    if (std::isinf(rounded.as<double>()[i])) clipped.as<double>()[i] = rounded.as<double>()[i];
  }
  return clipped;
}

// The largest finite magnitude over the root mean square: how far one element may stand out.
double crest(const Tensor& tensor) {
  double largest = 0;
  double squares = 0;
  for (const double value : tensor.to_doubles()) {
    if (!std::isfinite(value)) continue;
    largest = std::max(largest, std::abs(value));
    squares += value * value;
  }
  if (!(squares > 0) || !std::isfinite(squares)) return 1;
  return largest / std::sqrt(squares / static_cast<double>(tensor.element_count()));
}

struct Difference {
  TensorError error;
  double relative_max = 0;
  double elementwise_max = 0;

  bool is_fine() const {
    return error.relative <= relative_max && error.elementwise <= elementwise_max;
  }
};

Difference differ(const TensorView& result, const Tensor& expected, Dtype dtype, double bound) {
  const Tensor reference = within_range(expected, dtype);
  return {compare(result, reference.view()), bound, 8 * bound * std::max(1.0, crest(reference))};
}

void add(const Difference& difference, const std::string& what, Checked& checked) {
  const TensorError& error = difference.error;
  checked.error.relative = std::max(checked.error.relative, error.relative);
  checked.error.elementwise = std::max(checked.error.elementwise, error.elementwise);
  if (difference.is_fine()) return;
  checked.wrong = fmt::format(
      "{} is off by {:.3g} (at most {:.3g}), elementwise {:.3g} (at most {:.3g})", what,
      error.relative, difference.relative_max, error.elementwise, difference.elementwise_max);
}

}  // namespace

double relative_error_max(const Op& op, const Workload& workload, Precision precision) {
  double unit = 0;
  double longest = 1;
  double output_elements = 1;
  for (const OperandType& input : workload.inputs) {
    unit = std::max(unit, unit_roundoff(input.dtype));
    for (const std::int64_t extent : input.extents) {
      longest = std::max(longest, static_cast<double>(extent));
    }
  }
  bool gives_floats = false;
  for (const OperandType& output : workload.outputs) {
    gives_floats = gives_floats || is_float(output.dtype);
    unit = std::max(unit, unit_roundoff(output.dtype));
    output_elements = std::max(output_elements, static_cast<double>(output.element_count()));
  }
  if (!gives_floats) return 0;
  if (precision == Precision::narrows) unit = std::max(unit, unit_roundoff(Dtype::bf16));
  const double terms = std::max(longest, flops_of(op, workload) / output_elements);
  return unit * (16 + 2 * std::sqrt(terms));
}

Correctness::Correctness(const Op& op, const Workload& workload, Operands& operands, Stage& stage,
                         const Device& device, const Kernel* plain, std::uint64_t seed, int threads)
    : op_(op), workload_(workload), operands_(operands), stage_(stage) {
  const Workload smaller = shrink(op, workload, reference_flops_max);
  if (smaller == workload) {
    expected_ = reference_of(op, workload, operands.drawn());
    return;
  }
  part_.emplace(Part{smaller, Operands(op, smaller, seed), {}, nullptr});
  part_->stage = open_stage(device, part_->workload, part_->operands, threads);
  const std::span<const Tensor> inputs = part_->operands.drawn();
  part_->expected = reference_of(op, part_->workload, inputs);
  excerpts_ = excerpts(op, workload, operands.drawn(),
                       {part_->workload, inputs, part_->expected.front()}, excerpt_flops_max, seed);
  if (!excerpts_.empty() || plain == nullptr) return;
  run(*plain, stage_);
  expected_ = results_of(operands);
}

std::int32_t Correctness::method() const {
  return !part_              ? method_checked_in_full
         : excerpts_.empty() ? method_checked_in_part
                             : method_checked_by_excerpt;
}

double Correctness::run(const Kernel& kernel, Stage& stage) {
  stage.reset();
  const double seconds = stage.open(kernel)->run();
  stage.fetch();
  return seconds;
}

Checked Correctness::check(const Kernel& kernel) {
  Checked checked;
  const Precision precision = kernel.info.precision;
  if (part_ && !refusal(kernel.info, part_->workload)) {
    run(kernel, *part_->stage);
    compare_all(part_->workload, part_->operands, part_->expected,
                relative_error_max(op_, part_->workload, precision), checked);
    if (checked.wrong) return checked;
  }
  checked.first_call_s = run(kernel, stage_);
  const double bound = relative_error_max(op_, workload_, precision);
  compare_excerpts(bound, checked);
  compare_all(workload_, operands_, expected_, bound + expected_bound_, checked);
  if (!excerpts_.empty() && expected_.empty() && !checked.wrong &&
      precision != Precision::narrows) {
    expected_ = results_of(operands_);
    expected_bound_ = bound;
  }
  return checked;
}

void Correctness::compare_all(const Workload& workload, const Operands& operands,
                              std::span<const Tensor> expected, double bound,
                              Checked& checked) const {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    add(differ(operands.outputs()[i], expected[i], workload.outputs[i].dtype, bound),
        fmt::format("output {} of {}", i, workload.to_text()), checked);
  }
}

void Correctness::compare_excerpts(double bound, Checked& checked) const {
  for (const Excerpt& excerpt : excerpts_) {
    const Tensor part = excerpt.of(operands_.outputs()[0]);
    add(differ(part.view(), excerpt.expected, workload_.outputs[0].dtype, bound),
        fmt::format("an excerpt of {}", workload_.to_text()), checked);
  }
}

}  // namespace paceline
