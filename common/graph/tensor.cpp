#include "common/graph/tensor.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "common/base/error.h"

namespace paceline {
namespace {

constexpr std::size_t alignment_bytes = 64;

std::shared_ptr<const void> allocate_zeroed(Dtype dtype, const Extents& extents) {
  std::int64_t bytes = element_count(extents);
  if (bytes < 0) throw invalid("extent is negative: {}", to_string(extents));
  const auto size = static_cast<std::int64_t>(size_bytes(dtype));
  const bool fits = !__builtin_mul_overflow(bytes, size, &bytes) &&
                    bytes <= std::numeric_limits<std::int64_t>::max() - std::int64_t{64};
  const std::size_t rounded =
      fits ? (static_cast<std::size_t>(bytes) / alignment_bytes + 1) * alignment_bytes : 0;
  void* data = fits ? std::aligned_alloc(alignment_bytes, rounded) : nullptr;
  if (data == nullptr) {
    throw exhausted("no memory for a tensor: {}{}", to_string(dtype), to_string(extents));
  }
  std::memset(data, 0, rounded);
  return {data, [](const void* owned) { std::free(const_cast<void*>(owned)); }};
}

// Calls `row(data, count, stride)` for each run along the last axis, in row-major order.
template <typename T, typename Row>
void for_each_row(const TensorView& view, Row row) {
  if (view.element_count() == 0) return;
  const T* data = view.as<const T>();
  if (view.rank == 0) return row(data, std::int64_t{1}, std::int64_t{1});
  const int last = view.rank - 1;
  std::int64_t index[tensor_rank_max] = {};
  for (;;) {
    row(data, view.extents[last], view.strides[last]);
    int axis = last - 1;
    for (; axis >= 0; --axis) {
      data += view.strides[axis];
      if (++index[axis] < view.extents[axis]) break;
      data -= view.strides[axis] * view.extents[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

template <typename T>
constexpr bool is_half = std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>;
template <typename T>
constexpr bool is_real = std::is_floating_point_v<T> || is_half<T>;

// A double from which rounding to 16 bits gives what rounding the integer itself would: beyond 53
// bits, all that is dropped is kept as one sticky bit (Boldo and Melquiond 2008, rounding to odd).
double to_double_sticky(std::int64_t value) {
  std::uint64_t magnitude = value < 0 ? -static_cast<std::uint64_t>(value) : value;
  if (magnitude >> 53 != 0) {
    const std::uint64_t dropped = magnitude & 0x7ff;
    magnitude = (magnitude & ~std::uint64_t{0x7ff}) | (dropped != 0 ? 0x800 : 0);
  }
  const auto real = static_cast<double>(magnitude);
  return value < 0 ? -real : real;
}

template <typename To>
To saturate(double value) {
  using Limits = std::numeric_limits<To>;
  if (std::isnan(value)) return 0;
  if (value <= static_cast<double>(Limits::min())) return Limits::min();
  // 2^63 is a double, 2^63 - 1 is not.
  if (value >= static_cast<double>(Limits::max())) return Limits::max();
  return static_cast<To>(value);
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, From>) {
    return value;
  } else if constexpr (is_half<From>) {
    return convert<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From{};
  } else if constexpr (is_half<To>) {
    if constexpr (std::is_integral_v<From>)
      return To(to_double_sticky(value));
    else
      return To(value);
  } else if constexpr (is_real<From> && std::is_integral_v<To>) {
    return saturate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

bool agree(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

double largest_finite(const std::vector<double>& values) {
  double largest = 0;
  for (const double value : values) {
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  }
  return largest;
}

double ratio(double difference, double reference) {
  if (difference == 0) return 0;
  return reference > 0 ? difference / reference : std::numeric_limits<double>::infinity();
}

}  // namespace

bool TensorView::is_dense() const {
  std::int64_t expected = 1;
  bool dense = true;
  for (int axis = rank - 1; axis >= 0; --axis) {
    if (extents[axis] == 0) return true;
    if (extents[axis] != 1 && strides[axis] != expected) dense = false;
    expected *= extents[axis];
  }
  return dense;
}

TensorView TensorView::dense(void* data, Dtype dtype, const Extents& extents) {
  if (extents.size() > tensor_rank_max) {
    throw unsupported("more than {} axes: {}", tensor_rank_max, to_string(extents));
  }
  TensorView view{.data = data, .dtype = dtype, .rank = static_cast<int>(extents.size())};
  std::ranges::copy(extents, view.extents);
  std::ranges::copy(row_major_strides(extents), view.strides);
  return view;
}

Tensor::Tensor(Dtype dtype, Extents extents)
    : dtype_(dtype),
      extents_(std::move(extents)),
      owner_(allocate_zeroed(dtype_, extents_)),
      data_(owner_.get()) {}

Tensor::Tensor(Dtype dtype, Extents extents, std::shared_ptr<const void> owner, const void* data)
    : dtype_(dtype), extents_(std::move(extents)), owner_(std::move(owner)), data_(data) {}

template <typename T>
Tensor Tensor::of(Extents extents, const std::vector<T>& elements) {
  Tensor tensor(dtype_of<T>, std::move(extents));
  if (tensor.element_count() != static_cast<std::int64_t>(elements.size())) {
    throw invalid("element count does not fit {}: {}", to_string(tensor.extents()),
                  elements.size());
  }
  std::ranges::copy(elements, tensor.as<T>());
  return tensor;
}

template Tensor Tensor::of(Extents, const std::vector<double>&);
template Tensor Tensor::of(Extents, const std::vector<float>&);
template Tensor Tensor::of(Extents, const std::vector<Float16>&);
template Tensor Tensor::of(Extents, const std::vector<Bfloat16>&);
template Tensor Tensor::of(Extents, const std::vector<std::int64_t>&);
template Tensor Tensor::of(Extents, const std::vector<std::int32_t>&);
template Tensor Tensor::of(Extents, const std::vector<std::int8_t>&);
template Tensor Tensor::of(Extents, const std::vector<std::uint8_t>&);
template Tensor Tensor::of(Extents, const std::vector<bool>&);

Tensor Tensor::clone() const {
  Tensor copy(dtype_, extents_);
  if (size_bytes() != 0) std::memcpy(copy.data(), data_, size_bytes());
  return copy;
}

Tensor Tensor::cast(Dtype dtype) const {
  Tensor result(dtype, extents_);
  visit_dtype(dtype_, [&](auto from) {
    visit_dtype(dtype, [&](auto to) {
      using From = typename decltype(from)::type;
      using To = typename decltype(to)::type;
      std::transform(as<From>(), as<From>() + element_count(), result.as<To>(),
                     [](From value) { return convert<To>(value); });
    });
  });
  return result;
}

std::vector<double> Tensor::to_doubles() const { return paceline::to_doubles(view()); }

Tensor dense_copy(const TensorView& view) {
  Tensor copy(view.dtype, view.shape());
  visit_dtype(view.dtype, [&]<typename T>(std::type_identity<T>) {
    T* out = copy.as<T>();
    for_each_row<T>(view, [&](const T* row, std::int64_t count, std::int64_t stride) {
      for (std::int64_t i = 0; i < count; ++i) *out++ = row[i * stride];
    });
  });
  return copy;
}

std::vector<double> to_doubles(const TensorView& view) {
  std::vector<double> values;
  values.reserve(view.element_count());
  visit_dtype(view.dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    for_each_row<T>(view, [&](const T* row, std::int64_t count, std::int64_t stride) {
      for (std::int64_t i = 0; i < count; ++i) values.push_back(convert<double>(row[i * stride]));
    });
  });
  return values;
}

TensorError compare(const TensorView& out, const TensorView& reference) {
  if (out.shape() != reference.shape()) {
    throw invalid("cannot compare tensors of extents {} and {}", to_string(out.shape()),
                  to_string(reference.shape()));
  }
  const std::vector<double> got = to_doubles(out);
  const std::vector<double> wanted = to_doubles(reference);
  constexpr double infinity = std::numeric_limits<double>::infinity();
  // Squares of what is at most 1 cannot overflow.
  const double scale = std::max(largest_finite(got), largest_finite(wanted));
  double squared_difference = 0;
  double squared_reference = 0;
  double largest_difference = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double unit = wanted[i] == 0 ? 0 : wanted[i] / scale;
    if (std::isfinite(unit)) squared_reference += unit * unit;
    if (agree(got[i], wanted[i])) continue;
    if (!std::isfinite(got[i]) || !std::isfinite(wanted[i])) return {infinity, infinity};
    const double difference = std::abs(got[i] / scale - wanted[i] / scale);
    squared_difference += difference * difference;
    largest_difference = std::max(largest_difference, difference);
  }
  const double root_mean_square =
      std::sqrt(squared_reference / static_cast<double>(std::max<std::size_t>(got.size(), 1)));
  return {ratio(std::sqrt(squared_difference), std::sqrt(squared_reference)),
          ratio(largest_difference, root_mean_square)};
}

}  // namespace paceline
