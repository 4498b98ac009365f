#include "scheduler/cost/work_size.h"

#include <algorithm>
#include <vector>

namespace paceline {
namespace {

std::vector<TensorType> types_of(const std::vector<OperandType>& operands) {
  std::vector<TensorType> types;
  for (const OperandType& operand : operands) {
    types.push_back({operand.dtype, Shape(operand.extents.begin(), operand.extents.end())});
  }
  return types;
}

}  // namespace

std::optional<WorkSize> work_of(const OpSet& ops, const Workload& workload) {
  const Op* op = ops.find(workload.op);
  if (op == nullptr || !op->work) return std::nullopt;
  const std::vector<TensorType> types = types_of(workload.inputs);
  const Work work = op->work({types, workload.attributes});
  return WorkSize{.flops = static_cast<double>(work.flops.constant().value_or(0)),
                  .bytes = static_cast<double>(work.bytes.constant().value_or(0)),
                  .is_narrow = !types.empty() && is_float(types.front().dtype) &&
                               size_bytes(types.front().dtype) <= 2};
}

namespace {

double arithmetic_s(const WorkSize& work, const Roofline& roofline) {
  const bool has_tensor_cores = roofline.device == DeviceKind::cuda && work.is_narrow;
  return work.flops / (roofline.flops_per_s * (has_tensor_cores ? tensor_core_gain : 1));
}

}  // namespace

double bound_s(const WorkSize& work, const Roofline& roofline) {
  return std::max(arithmetic_s(work, roofline), work.bytes / roofline.bytes_per_s);
}

bool is_bound_by_memory(const WorkSize& work, const Roofline& roofline) {
  return work.bytes / roofline.bytes_per_s > arithmetic_s(work, roofline);
}

}  // namespace paceline
