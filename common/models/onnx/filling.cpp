#include <algorithm>
#include <array>
#include <cmath>

#include "common/base/error.h"
#include "common/models/onnx/elements.h"
#include "common/models/onnx/lower.h"

namespace paceline::onnx {

namespace {

using Terms = std::vector<Term>;

constexpr std::int64_t far = std::int64_t{1} << 40;

Terms constant(Call& call) {
  const std::string label = call.node().outputs.empty() ? "" : call.node().outputs.front();
  if (const auto tensor = call.tensor("value")) return {Known::of(*tensor, label)};
  if (call.has_attribute("value_float")) {
    const auto number = static_cast<float>(call.real("value_float", 0));
    return {Known::of(Tensor::of<float>({}, {number}))};
  }
  if (call.has_attribute("value_int")) {
    return {Known::of(Tensor::of<std::int64_t>({}, {call.integer("value_int")}))};
  }
  if (const auto numbers = call.reals("value_floats")) {
    const Tensor doubles = Tensor::of<double>({std::ssize(*numbers)}, *numbers);
    return {Known::of(doubles.cast(Dtype::f32))};
  }
  if (const auto numbers = call.integers("value_ints")) {
    return {Known::of(Tensor::of<std::int64_t>({std::ssize(*numbers)}, *numbers))};
  }
  throw unsupported("a constant that is neither a tensor nor numbers");
}

Terms constant_of_shape(Call& call) {
  const std::vector<Dim> dims = call.dims(0);
  Tensor fill = call.tensor("value").value_or(Tensor(Dtype::f32, {1}));
  if (fill.element_count() != 1) {
    throw invalid("the value must be one element: {}", to_string(fill.extents()));
  }
  const Value element = call.builder().constant(fill).reshape({});
  return {element.broadcast(Shape(dims.begin(), dims.end()))};
}

// Numbers start, start + delta, ... before limit; integers may be symbolic.
Terms range(Call& call) {
  const Dtype dtype = call.dtype(0);
  GraphBuilder& builder = call.builder();
  if (is_float(dtype)) {
    const double start = call.real(0);
    const double delta = call.real(2);
    if (delta == 0) throw invalid("delta is 0");
    const double steps = std::max(std::ceil((call.real(1) - start) / delta), 0.0);
    if (!(steps < 1e12)) throw invalid("a range of {} elements", steps);
    const auto count = static_cast<std::int64_t>(steps);
    return {counting(builder, count, dtype) * delta + start};
  }
  const Dim start = call.dim(0);
  const std::int64_t delta = fixed(call.dim(2), "a range's delta");
  if (delta == 0 || delta < -far || delta > far) throw invalid("delta is {}", delta);
  const Dim distance = call.dim(1) - start;
  Dim count;
  if (const auto number = distance.constant()) {
    const std::int64_t step = delta > 0 ? delta : -delta;
    if (*number < -far || *number > far) throw invalid("a range over {}", *number);
    const std::int64_t length = delta > 0 ? *number : -*number;
    count = length <= 0 ? 0 : (length - 1) / step + 1;
  } else if (const auto steps = distance.divide_exactly(delta)) {
    count = *steps;
  } else {
    throw unsupported("a range over {} in steps of {}", distance.to_string(), delta);
  }
  if (delta == 1) {
    const Value numbers =
        builder.op("iota", {}, {{"start", start}, {"extent", count}, {"dtype", Dtype::i64}});
    return {numbers.cast(dtype)};
  }
  const Value numbers = counting(builder, count) * static_cast<double>(delta);
  return {(numbers + value_of(builder, start)).cast(dtype)};
}

// Row and column numbers of matrices, to compare.
struct Places {
  Value row;
  Value column;
};

Places places(GraphBuilder& builder, const Dim& rows, const Dim& columns) {
  return {insert_axes(counting(builder, rows), {1}), counting(builder, columns)};
}

Terms eye_like(Call& call) {
  const Shape shape = call.shape(0);
  if (shape.size() != 2) throw invalid("a matrix is needed: {}", call.type(0).to_string());
  const Dtype dtype = call.has_attribute("dtype")
                          ? require_dtype(call.integer("dtype"), "EyeLike's result")
                          : call.dtype(0);
  const Places at = places(call.builder(), shape[0], shape[1]);
  const Value shifted = at.row + static_cast<double>(call.integer("k", 0));
  return {apply("equal", at.column, shifted).cast(dtype)};
}

Terms triangle(Call& call) {
  const Value x = call.in(0);
  if (x.rank() < 2) throw invalid("a matrix is needed: {}", x.type().to_string());
  const double k = call.has(1) ? static_cast<double>(call.integer(1)) : 0;
  const Places at = places(call.builder(), x.dim(-2), x.dim(-1));
  const bool is_upper = call.integer("upper", 1) != 0;
  const Value is_kept = apply(is_upper ? "greater_equal" : "less_equal", at.column, at.row + k);
  return {select(is_kept, x, like(x, 0))};
}

Terms one_hot(Call& call) {
  const Value indices = call.in(0);
  const double given =
      is_float(call.dtype(1)) ? call.real(1) : static_cast<double>(call.integer(1));
  if (!(given >= 0 && given <= far)) throw invalid("a depth of {}", given);
  const auto depth = static_cast<std::int64_t>(given);
  const int rank = indices.rank() + 1;
  const int axis = axis_of(call.integer("axis", -1), rank);
  Value places = indices.cast(Dtype::i64);
  places = insert_axes(wrapped(places, depth), {axis});
  Shape shape(rank, Dim(1));
  shape[axis] = depth;
  const Value numbers = counting(call.builder(), depth).reshape(shape);
  const Value values = call.in(2);
  const Value off = values.slice(0, 0, 1).reshape({});
  const Value on = values.slice(0, 1, 2).reshape({});
  return {select(apply("equal", places, numbers), on, off)};
}

constexpr std::array table{
    Translator{"Constant", constant}, Translator{"ConstantOfShape", constant_of_shape},
    Translator{"EyeLike", eye_like},  Translator{"OneHot", one_hot},
    Translator{"Range", range},       Translator{"Trilu", triangle},
};

}  // namespace

std::span<const Translator> filling_translators() { return table; }

}  // namespace paceline::onnx
