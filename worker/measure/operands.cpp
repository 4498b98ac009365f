#include "worker/measure/operands.h"

#include <algorithm>
#include <cstring>

#include "common/base/error.h"
#include "common/ops/draw.h"
#include "worker/measure/domains.h"

namespace paceline {
namespace {

// The operand's elements in new storage, with the strides that it asks for.
TensorView lay_out(const OperandType& type, std::vector<Tensor>& storage) {
  if (!type.packing.empty()) throw unsupported("operand is packed: {}", type.to_string());
  TensorView view = TensorView::dense(nullptr, type.dtype, type.extents);
  if (!type.strides.empty()) std::ranges::copy(type.strides, view.strides);
  std::int64_t lowest = 0;
  std::int64_t highest = 0;
  for (int axis = 0; axis < view.rank; ++axis) {
    const std::int64_t reach =
        view.strides[axis] * std::max<std::int64_t>(view.extents[axis] - 1, 0);
    lowest += std::min<std::int64_t>(reach, 0);
    highest += std::max<std::int64_t>(reach, 0);
  }
  const Tensor& made = storage.emplace_back(type.dtype, Extents{highest - lowest + 1});
  view.data = made.as<std::byte>() - lowest * static_cast<std::int64_t>(size_bytes(type.dtype));
  return view;
}

// Elements of equal extents and dtype, in row-major order.
void copy_elements(const TensorView& from, const TensorView& to) {
  const auto size = static_cast<std::int64_t>(size_bytes(from.dtype));
  std::int64_t index[tensor_rank_max] = {};
  const std::int64_t count = from.element_count();
  if (count > 0 && from.is_dense() && to.is_dense()) {
    std::memcpy(to.data, from.data, static_cast<std::size_t>(count * size));
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t source = 0;
    std::int64_t target = 0;
    for (int axis = 0; axis < from.rank; ++axis) {
      source += index[axis] * from.strides[axis];
      target += index[axis] * to.strides[axis];
    }
    std::memcpy(to.as<std::byte>() + target * size, from.as<std::byte>() + source * size, size);
    for (int axis = from.rank - 1; axis >= 0 && ++index[axis] == from.extents[axis]; --axis) {
      index[axis] = 0;
    }
  }
}

void fill_with_ones(const TensorView& view) {
  Tensor ones(view.dtype, view.shape());
  const int byte = view.dtype == Dtype::boolean ? 1 : 0xff;
  if (ones.size_bytes() != 0) std::memset(ones.data(), byte, ones.size_bytes());
  copy_elements(ones.view(), view);
}

}  // namespace

Operands::Operands(const Op& op, const Workload& workload, std::uint64_t seed)
    : updates_(op.updates) {
  Random random(seed);
  const std::vector<Sample::Operand> described = operands_with_domains(op, workload);
  for (std::size_t i = 0; i < described.size(); ++i) {
    drawn_.push_back(ops::draw(described[i], random));
    inputs_.push_back(lay_out(workload.inputs[i], storage_));
    copy_elements(drawn_[i].view(), inputs_[i]);
    // Where strides are 0, elements share their place: what was drawn is what is there now.
    copy_elements(inputs_[i], drawn_[i].view());
  }
  for (const OperandType& type : workload.outputs) outputs_.push_back(lay_out(type, storage_));
  // As the planner runs it: in place.
  for (const auto& [output, input] : updates_) outputs_[output] = inputs_[input];
}

void Operands::reset() {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const auto update =
        std::ranges::find(updates_, static_cast<int>(i), &std::pair<int, int>::first);
    if (update == updates_.end()) {
      fill_with_ones(outputs_[i]);
    } else {
      copy_elements(drawn_[update->second].view(), inputs_[update->second]);
    }
  }
}

}  // namespace paceline
