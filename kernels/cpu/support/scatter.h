#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <type_traits>

#include "common/base/error.h"
#include "kernels/cpu/support/dtypes.h"
#include "kernels/cpu/support/plain.h"

// What becomes of an element that an update meets: the attribute `reduction` of scatter ops.
namespace paceline::kernels::cpu {

enum class Reduction { none, add, mul, max, min };

inline Reduction reduction_of(const Attributes& attributes) {
  const std::string& name = attributes.get<std::string>("reduction");
  if (name == "add") return Reduction::add;
  if (name == "mul") return Reduction::mul;
  if (name == "max") return Reduction::max;
  return name == "min" ? Reduction::min : Reduction::none;
}

// NaN stays and wins.
template <typename A>
A combined(Reduction reduction, A a, A b) {
  if (reduction == Reduction::add) return wrapping(a, b, std::plus<>());
  if (reduction == Reduction::mul) return wrapping(a, b, std::multiplies<>());
  if (a != a || b != b) return a != a ? a : b;
  return reduction == Reduction::max ? std::max(a, b) : std::min(a, b);
}

template <typename T>
void update(Reduction reduction, T& element, T by) {
  if constexpr (!std::is_same_v<T, bool>) {
    if (reduction != Reduction::none) {
      element = static_cast<T>(combined(reduction, widen(element), widen(by)));
      return;
    }
  }
  element = by;
}

inline std::int64_t checked_index(const char* op, std::int64_t index, std::int64_t extent) {
  if (index < 0 || index >= extent) {
    throw invalid("{}: index {} is outside [0, {})", op, index, extent);
  }
  return index;
}

// Along the other axes, elements that are updated or gathered must exist in `data`.
inline void expect_within(const char* op, const TensorView& part, const TensorView& data,
                          int axis) {
  for (int i = 0; i < data.rank; ++i) {
    if (i == axis || part.extents[i] <= data.extents[i]) continue;
    throw invalid("{}: extent {} of the indices is beyond data's {} at axis {}", op,
                  part.extents[i], data.extents[i], i);
  }
}

// `data` with the extents of `part` and without a step along `axis`: where index 0 would lie.
inline TensorView beside(const TensorView& data, const TensorView& part, int axis) {
  TensorView view = data;
  std::copy(part.extents, part.extents + part.rank, view.extents);
  view.strides[axis] = 0;
  return view;
}

}  // namespace paceline::kernels::cpu
