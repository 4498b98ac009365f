#include "worker/measure/correctness.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "worker/measure/instance.h"
#include "worker/measure/measurer.h"
#include "worker/measure/shrink.h"

namespace paceline {
namespace {

// A reference does some 10^8 flops a second.
constexpr double reference_flops_max = 3e8;

Dtype wide(Dtype dtype) {
  if (is_float(dtype)) return Dtype::f64;
  return dtype == Dtype::boolean ? Dtype::boolean : Dtype::i64;
}

std::vector<Tensor> evaluate_reference(const Op& op, const Workload& workload,
                                       const Operands& operands) {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  for (const Tensor& drawn : operands.drawn()) inputs.push_back(drawn.cast(wide(drawn.dtype())));
  for (const OperandType& type : workload.outputs) {
    outputs.emplace_back(wide(type.dtype), type.extents);
  }
  op.reference({inputs, outputs, workload.attributes});
  return outputs;
}

std::vector<Tensor> evaluate_plain(const Kernel& plain, const Workload& workload,
                                   Operands& operands, int threads) {
  operands.reset();
  Instance(plain, workload, operands.inputs(), operands.outputs(), threads).run();
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

Correctness::Correctness(const Op& op, const Workload& workload, Operands& operands,
                         const Kernel* plain, std::uint64_t seed, int threads)
    : op_(op), workload_(workload), operands_(operands), threads_(threads) {
  const Workload smaller = shrink(op, workload, reference_flops_max);
  if (smaller == workload) {
    expected_ = evaluate_reference(op, workload, operands);
    return;
  }
  part_.emplace(Part{smaller, Operands(op, smaller, seed), {}});
  part_->expected = evaluate_reference(op, part_->workload, part_->operands);
  if (plain != nullptr) expected_ = evaluate_plain(*plain, workload, operands, threads);
}

std::int32_t Correctness::method() const {
  return part_ ? method_checked_in_part : method_checked_in_full;
}

Checked Correctness::check(const Kernel& kernel) {
  Checked checked;
  if (part_ && !refusal(kernel.info, part_->workload)) {
    checked = check_in_full(kernel, part_->workload, part_->operands, part_->expected);
    if (checked.wrong) return checked;
  }
  const Checked whole = check_in_full(kernel, workload_, operands_, expected_);
  return {{std::max(checked.error.relative, whole.error.relative),
           std::max(checked.error.elementwise, whole.error.elementwise)},
          whole.wrong};
}

Checked Correctness::check_in_full(const Kernel& kernel, const Workload& workload,
                                   Operands& operands, std::span<const Tensor> expected) {
  operands.reset();
  Instance(kernel, workload, operands.inputs(), operands.outputs(), threads_).run();
  const double bound = relative_error_max(op_, workload, kernel.info.precision);
  Checked checked;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Tensor reference = within_range(expected[i], workload.outputs[i].dtype);
    const TensorError error = compare(operands.outputs()[i], reference.view());
    checked.error.relative = std::max(checked.error.relative, error.relative);
    checked.error.elementwise = std::max(checked.error.elementwise, error.elementwise);
    const double elementwise_bound = 8 * bound * std::max(1.0, crest(reference));
    if (error.relative <= bound && error.elementwise <= elementwise_bound) continue;
    checked.wrong = fmt::format(
        "output {} of {} is off by {:.3g} (at most {:.3g}), elementwise {:.3g} (at most {:.3g})", i,
        workload.to_text(), error.relative, bound, error.elementwise, elementwise_bound);
  }
  return checked;
}

}  // namespace paceline
