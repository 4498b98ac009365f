#include "worker/measure/shrink.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "common/base/error.h"

namespace paceline {
namespace {

// Extents stay multiples of what blocked kernels ask for.
constexpr std::int64_t granule = 64;

std::vector<TensorType> types_of(const std::vector<OperandType>& operands) {
  std::vector<TensorType> types;
  for (const OperandType& operand : operands) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return types;
}

bool is_dense(const Workload& workload) {
  const auto dense = [](const OperandType& operand) { return operand.strides.empty(); };
  return std::ranges::all_of(workload.inputs, dense) &&
         std::ranges::all_of(workload.outputs, dense);
}

Workload replace_extent(Workload workload, std::int64_t from, std::int64_t to) {
  for (auto* operands : {&workload.inputs, &workload.outputs}) {
    for (OperandType& operand : *operands) std::ranges::replace(operand.extents, from, to);
  }
  return workload;
}

std::optional<Workload> halve_an_extent(const Op& op, const Workload& workload) {
  std::set<std::int64_t, std::greater<>> extents;
  for (const OperandType& operand : workload.inputs) {
    extents.insert(operand.extents.begin(), operand.extents.end());
  }
  for (const std::int64_t extent : extents) {
    const std::int64_t smaller = extent / 2 / granule * granule;
    if (smaller == 0) break;
    Workload candidate = replace_extent(workload, extent, smaller);
    if (is_consistent(op, candidate)) return candidate;
  }
  return std::nullopt;
}

Work work_of(const Op& op, const Workload& workload) {
  const auto inputs = types_of(workload.inputs);
  return op.work({inputs, workload.attributes});
}

}  // namespace

bool is_consistent(const Op& op, const Workload& workload) {
  try {
    const auto inputs = types_of(workload.inputs);
    return op.infer({inputs, workload.attributes}) == types_of(workload.outputs);
  } catch (const Error&) {
    return false;
  }
}

double flops_of(const Op& op, const Workload& workload) {
  return static_cast<double>(work_of(op, workload).flops.evaluate({}));
}

double bytes_of(const Op& op, const Workload& workload) {
  return static_cast<double>(work_of(op, workload).bytes.evaluate({}));
}

Workload shrink(const Op& op, Workload workload, double flops_max) {
  if (!is_dense(workload)) return workload;
  while (flops_of(op, workload) > flops_max) {
    auto smaller = halve_an_extent(op, workload);
    if (!smaller) break;
    workload = *std::move(smaller);
  }
  return workload;
}

}  // namespace paceline
