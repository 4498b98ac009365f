#include <algorithm>

#include "common/graph/graph.h"
#include "common/ops/support/infer.h"

namespace paceline::ops {

namespace {

// x[..,N,D]; cos and sin [N,R/2]: one angle for each position and pair.
Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  expect_rank(2, in[0]);
  const Shape& x = in[0].shape;
  if (in[1].shape.size() != 2 || in[1].shape != in[2].shape) {
    throw invalid("cos and sin must have equal shapes of 2 axes: {} and {}", in[1].to_string(),
                  in[2].to_string());
  }
  expect_equal(x.end()[-2], in[1].shape[0], "positions");
  const auto rest = (x.back() - 2 * in[1].shape[1]).constant();
  if (!rest || *rest < 0) {
    throw invalid("{} pairs do not lie within rows of {}", in[1].shape[1].to_string(),
                  x.back().to_string());
  }
  return {{in[0].dtype, x}};
}

Work work(const OpInputs& in) {
  const Dim positions = element_count(Shape(in[0].shape.begin(), in[0].shape.end() - 1));
  return {.flops = 6 * positions * in[1].shape[1], .bytes = bytes_of(in, {in[0]})};
}

void reference(const ReferenceCall& call) {
  const Extents& extents = call.inputs[0].extents();
  const std::int64_t positions = extents.end()[-2];
  const std::int64_t width = extents.back();
  const std::int64_t pairs = call.inputs[1].extents()[1];
  const bool interleaved = call.attributes.get<bool>("interleaved");
  const std::int64_t rows = element_count(Extents(extents.begin(), extents.end() - 1));
  for (std::int64_t row = 0; row < rows; ++row) {
    const double* x = call.inputs[0].as<double>() + row * width;
    double* out = call.outputs[0].as<double>() + row * width;
    std::copy_n(x, width, out);
    for (std::int64_t pair = 0; pair < pairs; ++pair) {
      const double cos = call.inputs[1].as<double>()[row % positions * pairs + pair];
      const double sin = call.inputs[2].as<double>()[row % positions * pairs + pair];
      const std::int64_t i = interleaved ? 2 * pair : pair;
      const std::int64_t j = interleaved ? i + 1 : i + pairs;
      out[i] = x[i] * cos - x[j] * sin;
      out[j] = x[j] * cos + x[i] * sin;
    }
  }
}

// The elements with one angle each: [..,R] as [..,R/2,2], or as [..,2,R/2].
Value as_pairs(const Value& rotated, const Dim& pairs, bool interleaved) {
  Shape shape(rotated.shape().begin(), rotated.shape().end() - 1);
  shape.push_back(interleaved ? pairs : 2);
  shape.push_back(interleaved ? 2 : pairs);
  return rotated.reshape(shape);
}

std::vector<Value> decompose(GraphBuilder& builder, std::span<const Value> in,
                             const Attributes& attributes) {
  const Value& x = in[0];
  const Dim pairs = in[1].dim(1);
  const Dim rotated_width = 2 * pairs;
  const bool interleaved = attributes.get<bool>("interleaved");
  const std::int64_t axis = interleaved ? -1 : -2;
  const Value rotated = x.slice(-1, 0, rotated_width);
  const Value both = as_pairs(rotated, pairs, interleaved);
  const auto angles = [&](const Value& table) {
    return table.reshape(interleaved ? Shape{table.dim(0), pairs, 1}
                                     : Shape{table.dim(0), 1, pairs});
  };
  const Value a = both.slice(static_cast<int>(axis), 0, 1);
  const Value b = both.slice(static_cast<int>(axis), 1, 2);
  const Value cos = angles(in[1]);
  const Value sin = angles(in[2]);
  const Value turned =
      builder.op("concat", {a * cos - b * sin, b * cos + a * sin}, {{"axis", axis}})
          .reshape(rotated.shape());
  if (x.dim(-1) == rotated_width) return {turned};
  const Value rest = x.slice(-1, rotated_width, x.dim(-1));
  return {builder.op("concat", {turned, rest}, {{"axis", -1}})};
}

Sample sample(Dtype dtype, const Extents& extents, std::int64_t pairs, bool interleaved = false) {
  const Sample::Operand table{
      dtype, {extents.end()[-2], pairs}, {.kind = Domain::Kind::uniform, .low = -1, .high = 1}};
  return {{{dtype, extents}, table, table}, {{"interleaved", interleaved}}};
}

}  // namespace

Op rope() {
  return {
      .input_count_min = 3,
      .input_count_max = 3,
      .attributes = {{"interleaved", AttributeKind::boolean, false}},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples =
          {
              sample(Dtype::f32, {1, 2}, 1),
              sample(Dtype::f32, {3, 8}, 4),
              sample(Dtype::f32, {3, 8}, 4, true),
              sample(Dtype::f32, {2, 5, 9}, 3),
              sample(Dtype::f32, {2, 5, 9}, 3, true),
              sample(Dtype::f32, {2, 3, 5, 16}, 8),
              sample(Dtype::f32, {2, 3, 5, 16}, 2, true),
              sample(Dtype::f32, {1, 4, 64, 64}, 32),
              sample(Dtype::f64, {2, 5, 8}, 4),
              sample(Dtype::f16, {2, 5, 8}, 4),
              sample(Dtype::bf16, {2, 5, 8}, 3, true),
          },
      .decompose = decompose,
  };
}

}  // namespace paceline::ops
