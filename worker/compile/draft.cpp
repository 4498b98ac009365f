#include "worker/compile/draft.h"

namespace paceline {

bool is_dense(const StridedShape& strided) {
  Dim dense = 1;
  for (std::size_t axis = strided.shape.size(); axis-- > 0;) {
    if (strided.shape[axis] == 1) continue;
    if (strided.strides[axis] != dense) return false;
    if (axis > 0) dense *= strided.shape[axis];
  }
  return true;
}

std::int32_t Draft::add_buffer(Buffer buffer) {
  buffers.push_back(std::move(buffer));
  return static_cast<std::int32_t>(buffers.size() - 1);
}

Place Draft::add_dense(Plan::Storage storage, const TensorType& type, Device device) {
  const DenseForm& form = dense_form(type);
  const std::int32_t buffer =
      add_buffer({.storage = storage, .device = device, .bytes = form.bytes});
  return {buffer, form.dtype, form.strided};
}

const Draft::DenseForm& Draft::dense_form(const TensorType& type) {
  for (const auto& form : dense_forms_) {
    if (form->dtype == type.dtype && form->strided.shape == type.shape) return *form;
  }
  const StridedShape strided{type.shape, row_major_strides(type.shape), 0};
  return *dense_forms_.emplace_back(
      new DenseForm{.dtype = type.dtype, .strided = strided, .bytes = size_bytes(type)});
}

}  // namespace paceline
