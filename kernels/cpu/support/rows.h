#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/graph/dtype.h"
#include "common/graph/tensor.h"

namespace paceline::kernels::cpu {

// A walk over operands of equal extents in row-major order, one run of elements along the innermost
// axis at a time. Axes of extent 1 are dropped, and axes that continue each other in every operand
// are merged: dense operands make one run. Knows strides, not addresses, so one walk serves many
// places. A value; allocates nothing.
template <std::size_t operand_count>
class Rows {
 public:
  using Addresses = std::array<std::byte*, operand_count>;
  using Steps = std::array<std::int64_t, operand_count>;

  explicit Rows(const std::array<TensorView, operand_count>& operands) {
    for (std::size_t i = 0; i < operand_count; ++i) {
      element_bytes_[i] = static_cast<std::int64_t>(size_bytes(operands[i].dtype));
    }
    for (int axis = operands[0].rank - 1; axis >= 0; --axis) {
      Steps strides;
      for (std::size_t i = 0; i < operand_count; ++i) strides[i] = operands[i].strides[axis];
      add_outer_axis(operands[0].extents[axis], strides);
    }
    if (rank_ == 0) axes_[rank_++] = {.extent = 1, .strides = {}};
  }

  // Calls body(addresses, strides in elements, element count) for each run.
  template <typename Body>
  void for_each(const Addresses& start, Body&& body) const {
    if (is_empty_) return;
    Addresses row = start;
    std::int64_t index[tensor_rank_max] = {};
    for (;;) {
      body(row, axes_[0].strides, axes_[0].extent);
      int axis = 1;
      while (axis < rank_ && index[axis] == axes_[axis].extent - 1) {
        move(row, axes_[axis], -index[axis]);
        index[axis++] = 0;
      }
      if (axis == rank_) return;
      move(row, axes_[axis], 1);
      ++index[axis];
    }
  }

 private:
  struct Axis {
    std::int64_t extent;
    Steps strides;
  };

  void add_outer_axis(std::int64_t extent, const Steps& strides) {
    if (extent == 0) is_empty_ = true;
    if (extent == 1) return;
    if (rank_ > 0 && continues(axes_[rank_ - 1], strides)) {
      axes_[rank_ - 1].extent *= extent;
    } else {
      axes_[rank_++] = {extent, strides};
    }
  }

  static bool continues(const Axis& inner, const Steps& strides) {
    for (std::size_t i = 0; i < operand_count; ++i) {
      if (strides[i] != inner.strides[i] * inner.extent) return false;
    }
    return true;
  }

  void move(Addresses& row, const Axis& axis, std::int64_t by) const {
    for (std::size_t i = 0; i < operand_count; ++i) {
      row[i] += axis.strides[i] * by * element_bytes_[i];
    }
  }

  std::array<Axis, tensor_rank_max> axes_;  // From the innermost outwards.
  int rank_ = 0;
  bool is_empty_ = false;
  Steps element_bytes_;
};

inline std::byte* address(const TensorView& view) { return view.as<std::byte>(); }

// Walks the operands from their own addresses.
template <std::size_t operand_count, typename Body>
void for_each_row(const std::array<TensorView, operand_count>& operands, Body&& body) {
  typename Rows<operand_count>::Addresses start;
  for (std::size_t i = 0; i < operand_count; ++i) start[i] = address(operands[i]);
  Rows<operand_count>(operands).for_each(start, body);
}

// The same, one element at a time: body(addresses).
template <std::size_t operand_count, typename Body>
void for_each_element(const std::array<TensorView, operand_count>& operands, Body&& body) {
  for_each_row(operands, [&](auto at, const auto& strides, std::int64_t count) {
    for (std::int64_t k = 0; k < count; ++k) {
      body(at);
      for (std::size_t i = 0; i < operand_count; ++i) {
        at[i] += strides[i] * static_cast<std::int64_t>(size_bytes(operands[i].dtype));
      }
    }
  });
}

}  // namespace paceline::kernels::cpu
