#include "common/graph/shape.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/error.h"

namespace paceline {

Dim element_count(const Shape& shape) {
  Dim count = 1;
  for (const Dim& extent : shape) count *= extent;
  return count;
}

std::int64_t element_count(const Extents& extents) {
  std::int64_t count = 1;
  for (const std::int64_t extent : extents) {
    if (__builtin_mul_overflow(count, extent, &count)) {
      throw invalid("element count overflows 64 bits: {}", to_string(extents));
    }
  }
  return count;
}

Extents evaluate(const Shape& shape, const Bindings& bindings) {
  Extents extents;
  extents.reserve(shape.size());
  for (const Dim& dim : shape) {
    extents.push_back(dim.evaluate(bindings));
    if (extents.back() < 0) {
      throw invalid("extent is negative: {} is {}", dim.to_string(), extents.back());
    }
  }
  return extents;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const Dim& dim : shape) {
    if (text.size() > 1) text += ',';
    text += dim.to_string();
  }
  return text + ']';
}

std::string to_string(const Extents& extents) {
  std::string text = "[";
  for (const std::int64_t extent : extents) {
    if (text.size() > 1) text += ',';
    text += fmt::format_int(extent).c_str();
  }
  return text + ']';
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const std::size_t offset = longer.size() - shorter.size();
  for (std::size_t axis = 0; axis < shorter.size(); ++axis) {
    Dim& extent = result[offset + axis];
    if (extent == 1) {
      extent = shorter[axis];
    } else if (shorter[axis] != 1 && shorter[axis] != extent) {
      throw invalid("shapes do not broadcast: {} and {}", to_string(a), to_string(b));
    }
  }
  return result;
}

namespace {

template <typename Extent>
std::vector<Extent> strides_of(const std::vector<Extent>& extents) {
  std::vector<Extent> strides(extents.size());
  Extent stride = 1;
  for (std::size_t axis = extents.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= extents[axis];
  }
  return strides;
}

}  // namespace

std::vector<Dim> row_major_strides(const Shape& shape) { return strides_of(shape); }

std::vector<std::int64_t> row_major_strides(const Extents& extents) { return strides_of(extents); }

std::string TensorType::to_string() const {
  std::string text(paceline::to_string(dtype));
  text += paceline::to_string(shape);
  if (!layout.order.empty()) text += fmt::format("{{order={}}}", fmt::join(layout.order, ","));
  if (!layout.packing.empty()) text += fmt::format("{{packing={}}}", layout.packing);
  return text;
}

Dim size_bytes(const TensorType& type) {
  return element_count(type.shape) * static_cast<std::int64_t>(size_bytes(type.dtype));
}

}  // namespace paceline
