#include "common/graph/kernel_info.h"

#include <algorithm>
#include <array>

#include <fmt/ranges.h>

namespace paceline {
namespace {

constexpr std::array<std::string_view, 4> precision_names = {"exact", "reorders", "approximates",
                                                             "narrows"};

std::string_view name_of(Strides strides) {
  switch (strides) {
    case Strides::dense:
      return "dense";
    case Strides::dense_inner:
      return "dense along the last axis";
    case Strides::any:
      break;
  }
  return "of any strides";
}

bool fits(const OperandType& operand, Strides wanted) {
  if (!operand.packing.empty()) return false;
  if (operand.strides.empty() || wanted == Strides::any) return true;
  if (operand.element_count() == 0) return true;
  if (wanted == Strides::dense_inner) {
    return operand.extents.back() == 1 || operand.strides.back() == 1;
  }
  const auto dense = row_major_strides(operand.extents);
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    if (operand.extents[axis] != 1 && operand.strides[axis] != dense[axis]) return false;
  }
  return true;
}

using Refusal = std::optional<std::string>;

Refusal refuse_dtype_and_rank(const Accepts& accepts, const Workload& workload) {
  const auto& operands = workload.inputs.empty() ? workload.outputs : workload.inputs;
  if (operands.empty()) return std::nullopt;
  const OperandType& first = operands.front();
  if (!accepts.dtypes.empty() && std::ranges::count(accepts.dtypes, first.dtype) == 0) {
    std::vector<std::string_view> taken;
    for (const Dtype dtype : accepts.dtypes) taken.push_back(to_string(dtype));
    return fmt::format("takes {}, not {}", fmt::join(taken, " "), to_string(first.dtype));
  }
  const int rank = static_cast<int>(first.extents.size());
  if (rank < accepts.rank_min || rank > accepts.rank_max) {
    return fmt::format("takes rank {} to {}, not {}", accepts.rank_min, accepts.rank_max,
                       first.to_string());
  }
  return std::nullopt;
}

Refusal refuse_strides(const Accepts& accepts, const Workload& workload) {
  const auto& wanted = accepts.input_strides;
  for (std::size_t i = 0; i < workload.inputs.size(); ++i) {
    const Strides strides =
        wanted.empty() ? Strides::dense : wanted[std::min(i, wanted.size() - 1)];
    if (fits(workload.inputs[i], strides)) continue;
    return fmt::format("takes input {} {}, not {}", i, name_of(strides),
                       workload.inputs[i].to_string());
  }
  for (const OperandType& output : workload.outputs) {
    if (fits(output, accepts.output_strides)) continue;
    return fmt::format("gives outputs {}, not {}", name_of(accepts.output_strides),
                       output.to_string());
  }
  return std::nullopt;
}

Refusal refuse_divisor(const Accepts::Divisible& rule, const Workload& workload) {
  if (rule.input >= static_cast<int>(workload.inputs.size())) return std::nullopt;
  const OperandType& operand = workload.inputs[rule.input];
  const int rank = static_cast<int>(operand.extents.size());
  const int axis = rule.axis < 0 ? rule.axis + rank : rule.axis;
  if (axis >= 0 && axis < rank && operand.extents[axis] % rule.by == 0) return std::nullopt;
  return fmt::format("takes axis {} of input {} in multiples of {}, not {}", rule.axis, rule.input,
                     rule.by, operand.to_string());
}

Refusal refuse_attributes(const Accepts& accepts, const Workload& workload) {
  for (const auto& [name, wanted] : accepts.attributes) {
    const Attribute* given = workload.attributes.find(name);
    if (given != nullptr && *given == wanted) continue;
    return fmt::format("takes {}={}, not {}", name, to_string(wanted),
                       given != nullptr ? to_string(*given) : "none");
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Precision precision) {
  return precision_names[static_cast<std::size_t>(precision)];
}

std::optional<Precision> parse_precision(std::string_view name) {
  const auto found = std::ranges::find(precision_names, name);
  if (found == precision_names.end()) return std::nullopt;
  return static_cast<Precision>(found - precision_names.begin());
}

KernelId KernelInfo::id() const {
  Hasher hasher("kernel/1");
  hasher.add(name).add(op).add(library).add(to_string(device));
  hasher.add(accepts.dtypes.size());
  for (const Dtype dtype : accepts.dtypes) hasher.add(to_string(dtype));
  hasher.add(accepts.rank_min).add(accepts.rank_max);
  hasher.add(accepts.input_strides.size());
  for (const Strides strides : accepts.input_strides) hasher.add(name_of(strides));
  hasher.add(name_of(accepts.output_strides));
  hasher.add(accepts.divisible.size());
  for (const auto& rule : accepts.divisible) hasher.add(rule.input).add(rule.axis).add(rule.by);
  accepts.attributes.add_to(hasher);
  hasher.add(accepts.isa.size());
  for (const std::string& feature : accepts.isa) hasher.add(feature);
  hasher.add(to_string(precision)).add(source).add(library_version);
  return {hasher.finish()};
}

std::optional<std::string> refusal(const KernelInfo& kernel, const Workload& workload) {
  if (kernel.op != workload.op) {
    return fmt::format("computes {}, not {}", kernel.op, workload.op);
  }
  if (auto reason = refuse_dtype_and_rank(kernel.accepts, workload)) return reason;
  if (auto reason = refuse_strides(kernel.accepts, workload)) return reason;
  for (const auto& rule : kernel.accepts.divisible) {
    if (auto reason = refuse_divisor(rule, workload)) return reason;
  }
  return refuse_attributes(kernel.accepts, workload);
}

}  // namespace paceline
