#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/graph/dtype.h"
#include "common/graph/tensor.h"

namespace paceline::kernels::cpu {

// The places of operands of equal extents, numbered in row-major order so that threads can share
// them out. Axes of extent 1 are dropped, and axes that continue each other in every operand are
// merged. A value; allocates nothing.
template <std::size_t operand_count>
class Places {
 public:
  using Addresses = std::array<std::byte*, operand_count>;
  struct Axis {
    std::int64_t extent = 1;
    std::array<std::int64_t, operand_count> strides = {};  // In bytes.
  };

  explicit Places(const std::array<TensorView, operand_count>& operands) {
    for (std::size_t i = 0; i < operand_count; ++i)
      start_[i] = operands[i].template as<std::byte>();
    for (int axis = operands[0].rank - 1; axis >= 0; --axis) {
      Axis outer{.extent = operands[0].extents[axis]};
      for (std::size_t i = 0; i < operand_count; ++i) {
        outer.strides[i] =
            operands[i].strides[axis] * static_cast<std::int64_t>(size_bytes(operands[i].dtype));
      }
      count_ *= outer.extent;
      add_outer(outer);
    }
  }

  std::int64_t count() const { return count_; }

  // Takes the innermost axis out of the walk: the caller handles whole runs along it.
  Axis take_inner() {
    if (rank_ == 0) return {};
    const Axis inner = axes_[0];
    for (int axis = 1; axis < rank_; ++axis) axes_[axis - 1] = axes_[axis];
    --rank_;
    count_ = 1;
    for (int axis = 0; axis < rank_; ++axis) count_ *= axes_[axis].extent;
    return inner;
  }

  // Calls body(addresses) for places begin, begin + 1, ... below end.
  template <typename Body>
  void for_each(std::int64_t begin, std::int64_t end, Body&& body) const {
    std::array<std::int64_t, tensor_rank_max> index = {};
    Addresses at = start_;
    std::int64_t rest = begin;
    for (int axis = 0; axis < rank_; ++axis) {
      index[axis] = rest % axes_[axis].extent;
      rest /= axes_[axis].extent;
      move(at, axes_[axis], index[axis]);
    }
    for (std::int64_t place = begin; place < end; ++place) {
      body(at);
      for (int axis = 0; axis < rank_; ++axis) {
        move(at, axes_[axis], 1);
        if (++index[axis] < axes_[axis].extent) break;
        move(at, axes_[axis], -index[axis]);
        index[axis] = 0;
      }
    }
  }

 private:
  void add_outer(const Axis& outer) {
    if (outer.extent == 1) return;
    if (rank_ > 0 && continues(axes_[rank_ - 1], outer)) {
      axes_[rank_ - 1].extent *= outer.extent;
    } else {
      axes_[rank_++] = outer;
    }
  }

  static bool continues(const Axis& inner, const Axis& outer) {
    for (std::size_t i = 0; i < operand_count; ++i) {
      if (outer.strides[i] != inner.strides[i] * inner.extent) return false;
    }
    return true;
  }

  static void move(Addresses& at, const Axis& axis, std::int64_t by) {
    for (std::size_t i = 0; i < operand_count; ++i) at[i] += axis.strides[i] * by;
  }

  Addresses start_;
  std::array<Axis, tensor_rank_max> axes_;  // From the innermost outwards.
  int rank_ = 0;
  std::int64_t count_ = 1;
};

}  // namespace paceline::kernels::cpu
