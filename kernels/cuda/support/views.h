#pragma once

#include <array>
#include <cstddef>

#include "common/graph/tensor.h"
#include "kernels/cuda/device/loop.h"
#include "kernels/cuda/device/view.h"
#include "kernels/kernel.h"

// From what the executor hands over to what launchers take.
namespace paceline::kernels::cuda {

static_assert(rank_max == tensor_rank_max);
static_assert(static_cast<int>(Element::f64) == static_cast<int>(Dtype::f64));
static_assert(static_cast<int>(Element::f32) == static_cast<int>(Dtype::f32));
static_assert(static_cast<int>(Element::f16) == static_cast<int>(Dtype::f16));
static_assert(static_cast<int>(Element::bf16) == static_cast<int>(Dtype::bf16));
static_assert(static_cast<int>(Element::i64) == static_cast<int>(Dtype::i64));
static_assert(static_cast<int>(Element::i32) == static_cast<int>(Dtype::i32));
static_assert(static_cast<int>(Element::i8) == static_cast<int>(Dtype::i8));
static_assert(static_cast<int>(Element::u8) == static_cast<int>(Dtype::u8));
static_assert(static_cast<int>(Element::boolean) == static_cast<int>(Dtype::boolean));

inline Element element_of(Dtype dtype) { return static_cast<Element>(dtype); }

inline DeviceView device_view(const TensorView& view) {
  DeviceView made{.data = view.data, .dtype = element_of(view.dtype), .rank = view.rank};
  for (int axis = 0; axis < view.rank; ++axis) {
    made.extents[axis] = view.extents[axis];
    made.strides[axis] = view.strides[axis];
  }
  return made;
}

inline LaunchPlace place_of(const Call& call) {
  return {.stream = call.stream, .fault = call.fault, .step = call.step};
}

// The late numbers of one operand (inputs, then outputs); all as the view says when there are none.
inline LateView late_view(const Call& call, std::size_t operand) {
  LateView late;
  if (call.late == nullptr) return late;
  late.values = call.late->values;
  for (int axis = 0; axis < tensor_rank_max; ++axis) {
    late.extents[axis] = call.late->extents[operand * tensor_rank_max + axis];
  }
  late.offset = call.late->offsets[operand];
  return late;
}

// Operands of equal extents; the first says which.
template <std::size_t operand_count>
Loop<static_cast<int>(operand_count)> loop_over(
    const std::array<TensorView, operand_count>& operands) {
  Loop<static_cast<int>(operand_count)> loop;
  loop.count = operands[0].element_count();
  for (std::size_t i = 0; i < operand_count; ++i) loop.data[i] = operands[i].data;
  for (int axis = operands[0].rank - 1; axis >= 0; --axis) {
    const std::int64_t extent = operands[0].extents[axis];
    if (extent == 1) continue;
    const int inner = loop.rank - 1;
    bool continues = inner >= 0;
    for (std::size_t i = 0; continues && i < operand_count; ++i) {
      continues = operands[i].strides[axis] == loop.strides[i][inner] * loop.extents[inner];
    }
    if (continues) {
      loop.extents[inner] *= extent;
      continue;
    }
    for (std::size_t i = 0; i < operand_count; ++i) {
      loop.strides[i][loop.rank] = operands[i].strides[axis];
    }
    loop.extents[loop.rank++] = extent;
  }
  return loop;
}

}  // namespace paceline::kernels::cuda
