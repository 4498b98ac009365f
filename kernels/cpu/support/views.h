#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/graph/dtype.h"
#include "common/graph/tensor.h"

// Views of parts of a view. Nothing moves.
namespace paceline::kernels::cpu {

// The axis that `axis`, which counts from the last when negative, means.
inline int axis_of(std::int64_t axis, int rank) {
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

inline TensorView at(TensorView view, std::int64_t element_offset) {
  view.data =
      view.as<std::byte>() + element_offset * static_cast<std::int64_t>(size_bytes(view.dtype));
  return view;
}

// Axes first, first + 1, ... below last; the others stay at their first element.
inline TensorView axes(const TensorView& view, int first, int last) {
  TensorView part = view;
  part.rank = last - first;
  std::copy(view.extents + first, view.extents + last, part.extents);
  std::copy(view.strides + first, view.strides + last, part.strides);
  return part;
}

inline TensorView without_axis(const TensorView& view, int axis) {
  TensorView part = view;
  part.rank = view.rank - 1;
  std::copy(view.extents + axis + 1, view.extents + view.rank, part.extents + axis);
  std::copy(view.strides + axis + 1, view.strides + view.rank, part.strides + axis);
  return part;
}

// Elements start, start + 1, ... of `axis`.
inline TensorView narrowed(const TensorView& view, int axis, std::int64_t start,
                           std::int64_t extent) {
  TensorView part = at(view, start * view.strides[axis]);
  part.extents[axis] = extent;
  return part;
}

// `view` as an operand of the extents of `like`, by numpy's rule.
inline TensorView broadcast_to(const TensorView& view, const TensorView& like) {
  TensorView wide = like;
  wide.data = view.data;
  wide.dtype = view.dtype;
  const int missing = like.rank - view.rank;
  for (int axis = 0; axis < like.rank; ++axis) {
    const bool repeats = axis < missing || view.extents[axis - missing] == 1;
    wide.strides[axis] = repeats ? 0 : view.strides[axis - missing];
  }
  return wide;
}

}  // namespace paceline::kernels::cpu
