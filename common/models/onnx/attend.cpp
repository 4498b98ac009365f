#include "common/models/onnx/attend.h"

#include <cmath>
#include <limits>

#include "common/base/error.h"

namespace paceline::onnx {

Value split_heads(const Value& x, std::int64_t heads) {
  if (x.rank() == 4) return x;
  if (x.rank() != 3) throw invalid("[batch, places, width] is needed: {}", x.type().to_string());
  const auto width = x.dim(2).divide_exactly(heads);
  if (!width) throw invalid("a width of {} is not {} heads", x.dim(2).to_string(), heads);
  return x.reshape({x.dim(0), x.dim(1), heads, *width}).transpose(1, 2);
}

Value join_heads(const Value& x) {
  return x.transpose(1, 2).reshape({x.dim(0), x.dim(2), x.dim(1) * x.dim(3)});
}

Heads with_past(const Call& call, const Heads& heads, std::size_t key, std::size_t value) {
  if (!call.has(key) || call.shape(key).at(2) == Dim(0)) return heads;
  return {heads.q, concat({call.in(key), heads.k}, 2), concat({call.in(value), heads.v}, 2)};
}

Value attend(const Heads& heads, const Attention& attention) {
  double scale = attention.scale;
  if (scale == 0) {
    scale = 1 / std::sqrt(static_cast<double>(fixed(heads.q.dim(3), "the width of a head")));
  }
  std::vector<Value> operands{heads.q, heads.k, heads.v};
  if (attention.keep && attention.bias) {
    const Value& bias = *attention.bias;
    operands.push_back(
        select(*attention.keep, bias, like(bias, -std::numeric_limits<double>::infinity())));
  } else if (attention.keep) {
    operands.push_back(*attention.keep);
  } else if (attention.bias) {
    operands.push_back(*attention.bias);
  }
  return heads.q.builder().op("attention", operands,
                              {{"scale", scale},
                               {"causal", attention.is_causal},
                               {"window", attention.window},
                               {"softcap", attention.softcap}});
}

Value rotated(const Value& x, const Value& cosines, const Value& sines, bool is_interleaved) {
  return x.builder().op("rope", {x, cosines, sines}, {{"interleaved", is_interleaved}});
}

Value rotated_by(const Value& x, const Value& cosines, const Value& sines, bool is_interleaved) {
  const Dim half = cosines.dim(-1);
  const int last = x.rank() - 1;
  const Dim width = half * Dim(2);
  const Value turned = x.slice(last, 0, width);
  const Value a = is_interleaved ? turned.slice(last, 0, width, 2) : turned.slice(last, 0, half);
  const Value b =
      is_interleaved ? turned.slice(last, 1, width, 2) : turned.slice(last, half, width);
  const Value new_a = a * cosines - b * sines;
  const Value new_b = b * cosines + a * sines;
  Value y = is_interleaved
                ? concat({insert_axes(new_a, {last + 1}), insert_axes(new_b, {last + 1})}, last + 1)
                      .reshape(turned.shape())
                : concat({new_a, new_b}, last);
  if (width == x.dim(last)) return y;
  return concat({y, x.slice(last, width, x.dim(last))}, last);
}

Value rotated_at(const Value& x, const Value& cosines, const Value& sines, const Value& positions,
                 bool is_interleaved) {
  Value places = positions;
  if (positions.rank() == 1) {
    places = insert_axes(counting(x.builder(), x.dim(2), positions.dtype()), {0}) + positions;
  }
  const auto at = [&](const Value& table) {
    const Value rows = x.builder().op("gather", {table, places}, {{"axis", std::int64_t{0}}});
    return insert_axes(rows, {1});
  };
  return rotated_by(x, at(cosines), at(sines), is_interleaved);
}

}  // namespace paceline::onnx
