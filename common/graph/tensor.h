#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/graph/dtype.h"
#include "common/graph/shape.h"

namespace paceline {

inline constexpr int tensor_rank_max = 8;

// Elements somewhere, as a kernel sees them: a borrowed address with extents and strides. Strides
// are in elements, may be 0 (broadcast) or negative. A value, cheap to copy, owns nothing.
struct TensorView {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  int rank = 0;
  std::int64_t extents[tensor_rank_max] = {};
  std::int64_t strides[tensor_rank_max] = {};

  template <typename T>
  T* as() const {
    return static_cast<T*>(data);
  }
  std::int64_t element_count() const {
    std::int64_t count = 1;
    for (int axis = 0; axis < rank; ++axis) count *= extents[axis];
    return count;
  }
  bool is_dense() const;  // Row-major without gaps (axes of extent 1 do not count).
  Extents shape() const { return {extents, extents + rank}; }

  static TensorView dense(void* data, Dtype dtype, const Extents& extents);
};

// Owned elements on the host: dense, row-major, aligned to 64 bytes. Copies share the elements.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Dtype dtype, Extents extents);  // Zeroed.
  // Elements that `owner` keeps alive (a mapped file). Read-only by convention.
  Tensor(Dtype dtype, Extents extents, std::shared_ptr<const void> owner, const void* data);

  // T is an element type of DtypeTraits. Throws `invalid` when the counts differ.
  template <typename T>
  static Tensor of(Extents extents, const std::vector<T>& elements);

  Dtype dtype() const { return dtype_; }
  const Extents& extents() const { return extents_; }
  std::int64_t element_count() const { return paceline::element_count(extents_); }
  std::size_t size_bytes() const { return element_count() * paceline::size_bytes(dtype_); }
  void* data() const { return const_cast<void*>(data_); }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data());
  }
  TensorView view() const { return TensorView::dense(data(), dtype_, extents_); }
  Tensor clone() const;
  // Rounds to nearest even; floats to integers truncate and saturate, NaN becomes 0; integers to
  // narrower integers wrap; anything to bool is `!= 0`.
  Tensor cast(Dtype dtype) const;
  std::vector<double> to_doubles() const;

 private:
  Dtype dtype_ = Dtype::f32;
  Extents extents_;
  std::shared_ptr<const void> owner_;
  const void* data_ = nullptr;
};

// The elements of a view, copied into a dense tensor of its own.
Tensor dense_copy(const TensorView& view);

// The elements in row-major order.
std::vector<double> to_doubles(const TensorView& view);

// ||out - ref|| / ||ref|| and the largest |out - ref| over the RMS of ref (DESIGN.md, section 4).
// NaN in both or equal infinities in both count as equal; in one only, as an infinite error, and so
// does any difference from a reference of zeros. Throws `invalid` when the extents differ.
struct TensorError {
  double relative = 0;
  double elementwise = 0;
};
TensorError compare(const TensorView& out, const TensorView& reference);

}  // namespace paceline
