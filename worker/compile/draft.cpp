#include "worker/compile/draft.h"

namespace paceline {

bool is_dense(const StridedShape& strided) {
  const std::vector<Dim> dense = row_major_strides(strided.shape);
  for (std::size_t axis = 0; axis < dense.size(); ++axis) {
    if (strided.shape[axis] != 1 && strided.strides[axis] != dense[axis]) return false;
  }
  return true;
}

std::int32_t Draft::add_buffer(Buffer buffer) {
  buffers.push_back(std::move(buffer));
  return static_cast<std::int32_t>(buffers.size() - 1);
}

Place Draft::add_dense(Plan::Storage storage, const TensorType& type, Device device) {
  const std::int32_t buffer =
      add_buffer({.storage = storage, .device = device, .bytes = size_bytes(type)});
  return {buffer, type.dtype, {type.shape, row_major_strides(type.shape), 0}};
}

}  // namespace paceline
