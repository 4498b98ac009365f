#include "common/ops/support/scatter.h"

#include <cmath>

#include "common/ops/support/elementwise.h"

namespace paceline::ops {

namespace {

template <typename T>
T combined(std::string_view reduction, T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    if (reduction == "add") return a + b;
    if (reduction == "mul") return a * b;
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) ? a : b;
  } else {
    if (reduction == "add") return wrapping_add(a, b);
    if (reduction == "mul") return wrapping_mul(a, b);
  }
  return reduction == "max" ? std::max(a, b) : std::min(a, b);
}

template <typename T>
Combine combine_as(std::string_view reduction) {
  return [reduction](const Tensor& out, std::int64_t target, const Tensor& updates,
                     std::int64_t source) {
    T& element = out.as<T>()[target];
    element = combined(reduction, element, updates.as<T>()[source]);
  };
}

}  // namespace

void expect_scatter(const OpInputs& in) {
  const std::string& reduction = in.attributes.get<std::string>("reduction");
  if (reduction != "none") {
    if (reduction != "add" && reduction != "mul" && reduction != "max" && reduction != "min") {
      throw invalid("reduction must be one of none, add, mul, max, min: \"{}\"", reduction);
    }
    expect(Elements::numbers, in[0]);
  }
  expect(Elements::indices, in[1]);
  if (in[2].dtype != in[0].dtype) {
    throw invalid("updates need the dtype of data: {} and {}", in[2].to_string(),
                  in[0].to_string());
  }
}

Combine combine_of(std::string_view reduction, Dtype dtype) {
  if (reduction == "none") {
    return [](const Tensor& out, std::int64_t target, const Tensor& updates, std::int64_t source) {
      copy_elements(updates, source, out, target);
    };
  }
  if (dtype == Dtype::f64) return combine_as<double>(reduction);
  return combine_as<std::int64_t>(reduction);
}

std::int64_t checked_index(std::string_view op, const Tensor& indices, std::int64_t position,
                           std::int64_t extent) {
  const std::int64_t index = indices.as<std::int64_t>()[position];
  if (index < 0 || index >= extent) {
    throw invalid("{}: index {} at position {} lies outside [0, {})", op, index, position, extent);
  }
  return index;
}

}  // namespace paceline::ops
