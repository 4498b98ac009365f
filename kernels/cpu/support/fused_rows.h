#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/graph/tensor.h"
#include "kernels/cpu/support/views.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {

// The rows of a fused program: the operands, inputs before outputs, broadcast against each other
// and walked along the last axis. Where nothing is reduced, axes that continue each other in every
// operand are merged, so that dense operands make one row. Made in `bind`; knows strides, not
// addresses.
class FusedRows {
 public:
  static constexpr int operands_max = 24;
  using Addresses = std::array<std::byte*, operands_max>;

  FusedRows() = default;
  FusedRows(const Call& call, bool merges) {
    for (const TensorView& view : call.inputs) widen(view);
    std::vector<TensorView> operands;
    for (const TensorView& view : call.inputs) operands.push_back(broadcast_to(view, space_));
    for (const TensorView& view : call.outputs) operands.push_back(broadcast_to(view, space_));
    for (const TensorView& view : operands) {
      element_bytes_.push_back(static_cast<std::int64_t>(size_bytes(view.dtype)));
    }
    for (int axis = space_.rank - 1; axis >= 0; --axis) {
      Axis outer{.extent = space_.extents[axis], .strides = {}};
      for (std::size_t i = 0; i < operands.size(); ++i) {
        outer.strides[i] = operands[i].strides[axis] * element_bytes_[i];
      }
      add_outer(outer, merges);
    }
    if (merges) drop_spread_inner();
    if (axes_.empty()) axes_.push_back({});
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const TensorView& own =
          i < call.inputs.size() ? call.inputs[i] : call.outputs[i - call.inputs.size()];
      const bool has_one = own.rank == 0 || own.extents[own.rank - 1] == 1;
      is_single_.push_back(merges ? axes_[0].strides[i] == 0 : has_one);
    }
    count_ = 1;
    for (std::size_t axis = 1; axis < axes_.size(); ++axis) count_ *= axes_[axis].extent;
  }

  std::int64_t count() const { return count_; }            // Of rows.
  std::int64_t length() const { return axes_[0].extent; }  // Of each.
  // Whether the operand has one value a row.
  bool is_single(int operand) const { return is_single_[operand]; }
  std::int64_t inner_stride(int operand) const { return axes_[0].strides[operand]; }  // In bytes.

  Addresses start(const Call& call) const {
    Addresses at = {};
    std::size_t i = 0;
    for (const TensorView& view : call.inputs) at[i++] = view.as<std::byte>();
    for (const TensorView& view : call.outputs) at[i++] = view.as<std::byte>();
    return at;
  }

  // Calls body(addresses) for rows begin, begin + 1, ... below end.
  template <typename Body>
  void for_each(const Addresses& start, std::int64_t begin, std::int64_t end, Body&& body) const {
    if (begin >= end) return;  // An axis may be empty.
    std::array<std::int64_t, tensor_rank_max> index = {};
    Addresses at = start;
    std::int64_t rest = begin;
    for (std::size_t axis = 1; axis < axes_.size(); ++axis) {
      index[axis] = rest % axes_[axis].extent;
      rest /= axes_[axis].extent;
      move(at, axes_[axis], index[axis]);
    }
    for (std::int64_t row = begin; row < end; ++row) {
      body(at);
      for (std::size_t axis = 1; axis < axes_.size(); ++axis) {
        move(at, axes_[axis], 1);
        if (++index[axis] < axes_[axis].extent) break;
        move(at, axes_[axis], -index[axis]);
        index[axis] = 0;
      }
    }
  }

 private:
  struct Axis {
    std::int64_t extent = 1;
    std::array<std::int64_t, operands_max> strides = {};  // In bytes.
  };

  void widen(const TensorView& view) {
    TensorView wide = space_;
    wide.rank = std::max(space_.rank, view.rank);
    for (int axis = 1; axis <= wide.rank; ++axis) {
      const std::int64_t a = axis <= space_.rank ? space_.extents[space_.rank - axis] : 1;
      const std::int64_t b = axis <= view.rank ? view.extents[view.rank - axis] : 1;
      wide.extents[wide.rank - axis] = a == 1 ? b : a;
    }
    space_ = wide;
  }

  // The last axis stays as it is where it is reduced.
  void add_outer(const Axis& outer, bool merges) {
    if (!merges && axes_.empty()) return axes_.push_back(outer);
    if (outer.extent == 1) return;
    if (merges && !axes_.empty() && continues(axes_.back(), outer)) {
      axes_.back().extent *= outer.extent;
    } else {
      axes_.push_back(outer);
    }
  }

  bool continues(const Axis& inner, const Axis& outer) const {
    for (std::size_t i = 0; i < element_bytes_.size(); ++i) {
      if (outer.strides[i] != inner.strides[i] * inner.extent) return false;
    }
    return true;
  }

  // Elements that neither repeat nor lie side by side become rows of one.
  void drop_spread_inner() {
    if (axes_.empty()) return;
    for (std::size_t i = 0; i < element_bytes_.size(); ++i) {
      const std::int64_t stride = axes_[0].strides[i];
      if (stride == 0 || stride == element_bytes_[i]) continue;
      axes_.insert(axes_.begin(), Axis{});
      return;
    }
  }

  void move(Addresses& at, const Axis& axis, std::int64_t by) const {
    for (std::size_t i = 0; i < element_bytes_.size(); ++i) at[i] += axis.strides[i] * by;
  }

  TensorView space_;
  std::vector<Axis> axes_;  // From the innermost outwards.
  std::vector<std::int64_t> element_bytes_;
  std::vector<bool> is_single_;
  std::int64_t count_ = 0;
};

}  // namespace paceline::kernels::cpu
