#include <algorithm>
#include <array>

#include "common/base/error.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/quantise.h"

namespace paceline::onnx {

Value along_axis(const Value& vector, int axis, int rank) {
  if (element_count(vector.shape()) == Dim(1)) return vector.reshape({});
  if (vector.rank() != 1) return vector;
  Shape shape(rank, Dim(1));
  shape.at(axis) = vector.dim(0);
  return vector.reshape(shape);
}

Value centered(const Call& call, std::size_t i, std::size_t zero, int axis) {
  const Value x = call.in(i).cast(Dtype::f64);
  if (!call.has(zero)) return x;
  return x - along_axis(call.in(zero).cast(Dtype::f64), axis, x.rank());
}

// Casting saturates.
Value quantised(const Value& x, const Value& scale, const Value& zero_point) {
  const Value rounded = apply("round", x / scale);
  return (rounded + zero_point.cast(x.dtype())).cast(zero_point.dtype());
}

namespace {

using Terms = std::vector<Term>;

void refuse_blocks(const Call& call) {
  const std::int64_t size = call.integer("block_size", 0);
  if (size != 0) throw unsupported("scales for blocks of {} elements", size);
}

int quantised_axis(const Call& call, int rank) {
  if (call.rank(1) == 0 || rank == 0) return 0;
  // The default is the second axis, which a vector lacks.
  if (rank == 1 && call.integer("axis", 1) == 1) return 0;
  return axis_of(call.integer("axis", 1), rank);
}

Terms quantize_linear(Call& call) {
  refuse_blocks(call);
  const Value x = call.in(0).cast(is_float(call.dtype(0)) ? call.dtype(0) : Dtype::f32);
  const int axis = quantised_axis(call, x.rank());
  const Value scale = along_axis(call.in(1).cast(x.dtype()), axis, x.rank());
  Value zero_point;
  if (call.has(2)) {
    zero_point = along_axis(call.in(2), axis, x.rank());
  } else {
    const std::int64_t type = call.integer("output_dtype", 0);
    zero_point = call.builder().scalar(
        0, type == 0 ? Dtype::u8 : require_dtype(type, "QuantizeLinear's result"));
  }
  if (!is_integer(zero_point.dtype())) {
    throw unsupported("quantisation to {}", to_string(zero_point.dtype()));
  }
  return {quantised(x, scale, zero_point)};
}

Terms dequantize_linear(Call& call) {
  refuse_blocks(call);
  const Value scale_given = call.in(1);
  const int rank = call.rank(0);
  const int axis = quantised_axis(call, rank);
  const Value scale = along_axis(scale_given, axis, rank);
  Value x = call.in(0).cast(scale.dtype());
  if (call.has(2)) x = x - along_axis(call.in(2).cast(scale.dtype()), axis, rank);
  return {x * scale};
}

// The scale and zero point that u8 needs for this tensor, and the tensor by them.
Terms dynamic_quantize_linear(Call& call) {
  const Value x = call.in(0);
  const Axes axes = all_axes(x.rank());
  const Value low = apply("minimum", reduce("reduce_min", x, axes, false), 0);
  const Value high = apply("maximum", reduce("reduce_max", x, axes, false), 0);
  const Value scale = (high - low) / 255.0;
  const Value zero = apply("round", apply("minimum", apply("maximum", -low / scale, 0), 255));
  const Value zero_point = zero.cast(Dtype::u8);
  return {quantised(x, scale, zero_point), scale, zero_point};
}

Terms matmul_integer(Call& call) {
  // A zero point of several elements is one a row of the left, one a column of the right operand.
  const Value a = centered(call, 0, 2, std::max(call.rank(0) - 2, 0));
  const Value b = centered(call, 1, 3, std::max(call.rank(1) - 1, 0));
  return {product(a, b).cast(Dtype::i32)};
}

Terms quantised_matmul(Call& call) {
  const Value a = centered(call, 0, 2, std::max(call.rank(0) - 2, 0));
  const Value b = centered(call, 3, 5, std::max(call.rank(3) - 1, 0));
  const Value sums = product(a, b);
  const int rank = sums.rank();
  const Value scale = along_axis(call.in(1).cast(Dtype::f64), std::max(rank - 2, 0), rank) *
                      along_axis(call.in(4).cast(Dtype::f64), std::max(rank - 1, 0), rank);
  return {quantised(sums * scale, along_axis(call.in(6).cast(Dtype::f64), rank - 1, rank),
                    along_axis(call.in(7), rank - 1, rank))};
}

constexpr std::array table{
    Translator{"DequantizeLinear", dequantize_linear},
    Translator{"DynamicQuantizeLinear", dynamic_quantize_linear},
    Translator{"MatMulInteger", matmul_integer},
    Translator{"QLinearMatMul", quantised_matmul},
    Translator{"QuantizeLinear", quantize_linear},
};

}  // namespace

std::span<const Translator> quantisation_translators() { return table; }

}  // namespace paceline::onnx
