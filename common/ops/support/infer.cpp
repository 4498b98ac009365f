#include "common/ops/support/infer.h"

#include <algorithm>
#include <string>

namespace paceline::ops {

std::vector<Dtype> dtypes_of(Elements allowed) {
  using enum Dtype;
  switch (allowed) {
    case Elements::floats:
      return {f32, f64, f16, bf16};
    case Elements::numbers:
      return {f32, f64, f16, bf16, i64, i32, i8, u8};
    case Elements::signed_numbers:
      return {f32, f64, f16, bf16, i64, i32, i8};
    case Elements::booleans:
      return {boolean};
    case Elements::indices:
      return {i64, i32};
    case Elements::any:
      break;
  }
  return {f32, f64, f16, bf16, i64, i32, i8, u8, boolean};
}

void expect(Elements allowed, const TensorType& type) {
  const std::vector<Dtype> dtypes = dtypes_of(allowed);
  if (std::ranges::count(dtypes, type.dtype) > 0) return;
  std::string names;
  for (const Dtype dtype : dtypes)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(dtype));
  throw invalid("expected {}: {}", names, type.to_string());
}

void expect_extents(const Shape& shape) {
  for (const Dim& extent : shape) {
    const auto fixed = extent.constant();
    if (fixed && *fixed < 0) throw invalid("an extent is negative: {}", to_string(shape));
  }
}

void expect_rank(int rank_min, const TensorType& type) {
  if (rank_of(type) < rank_min) {
    throw invalid("expected {} or more axes: {}", rank_min, type.to_string());
  }
}

void expect_equal_dtypes(const OpInputs& in) {
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (in[i].dtype != in[0].dtype) {
      throw invalid("dtypes differ: {} and {}", in[0].to_string(), in[i].to_string());
    }
  }
}

void expect_equal_types(const OpInputs& in) {
  expect_equal_dtypes(in);
  for (std::size_t i = 1; i < in.size(); ++i) {
    if (in[i].shape != in[0].shape) {
      throw invalid("shapes differ: {} and {}", in[0].to_string(), in[i].to_string());
    }
  }
}

void expect_equal(const Dim& a, const Dim& b, std::string_view what) {
  if (a != b) throw invalid("{} differ: {} and {}", what, a.to_string(), b.to_string());
}

int rank_of(const TensorType& type) { return static_cast<int>(type.shape.size()); }

int positive_axis(std::int64_t axis, int rank) {
  const std::int64_t positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) throw invalid("axis {} of a tensor of rank {}", axis, rank);
  return static_cast<int>(positive);
}

int axis_of(const OpInputs& in) {
  return positive_axis(in.attributes.get<std::int64_t>("axis"), rank_of(in[0]));
}

std::int64_t fixed_last_extent(const TensorType& type) {
  expect_rank(1, type);
  const auto extent = type.shape.back().constant();
  if (!extent) throw invalid("the last axis needs a fixed extent: {}", type.to_string());
  return *extent;
}

Dim count(const TensorType& type) { return element_count(type.shape); }

Dim bytes_of(const OpInputs& in, const Types& outputs) {
  Dim bytes;
  for (const TensorType& type : in.types) bytes += size_bytes(type);
  for (const TensorType& type : outputs) bytes += size_bytes(type);
  return bytes;
}

Work elementwise_work(const OpInputs& in, const Types& outputs, std::int64_t flops_each) {
  return {.flops = flops_each * count(in[0]), .bytes = bytes_of(in, outputs)};
}

Work moving_work(const TensorType& output) { return {.flops = 0, .bytes = 2 * size_bytes(output)}; }

}  // namespace paceline::ops
