#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/onnx/translate.h"

// Words that translators share.
namespace paceline::onnx {

using Axes = std::vector<std::int64_t>;

// Elementwise ops; operands are broadcast to each other by numpy's rule.
Value apply(std::string_view op, const Value& x);
Value apply(std::string_view op, const Value& a, const Value& b);
Value apply(std::string_view op, const Value& a, double b);
Value maximum(const Value& a, const Value& b);
Value minimum(const Value& a, const Value& b);
Value select(const Value& condition, const Value& yes, const Value& no);
// A number of the same type: rank 0.
Value like(const Value& x, double number);
// x * x.
Value square(const Value& x);

// Within [0, rank). Throws `invalid` naming axis and rank.
int axis_of(std::int64_t axis, int rank);
Axes axes_of(const Axes& axes, int rank);
Axes all_axes(int rank);
std::vector<std::int64_t> identity_order(int rank);

Value reduce(std::string_view op, const Value& x, const Axes& axes, bool keep_dims);
Value mean(const Value& x, const Axes& axes, bool keep_dims);
Dim count_over(const Shape& shape, const Axes& axes);
Value concat(std::vector<Value> parts, int axis);
Value pad(const Value& x, const Axes& low, const Axes& high, double value);
Value insert_axes(const Value& x, const Axes& axes);  // Of extent 1, where they stand afterwards.
Value drop_axes(const Value& x, const Axes& axes);
Value copy_of(const Value& x);
// 0, 1, ... of an axis.
Value counting(GraphBuilder& builder, const Dim& extent, Dtype dtype = Dtype::i64);
// A vector [C] as [1,C,1,...] of the rank, to meet channels.
Value as_channels(const Value& vector, int rank);
// Axes from `axis` on as one, those before it as one.
Value flatten(const Value& x, int axis);

// Indices that count from the end when negative, as indices from the start.
Value wrapped(const Value& indices, const Dim& extent);
// Operand `i` as indices of an axis; known ones are wrapped while the file is read.
Value indices_of(const Call& call, std::size_t i, const Dim& extent);

// Throws `unsupported` where the extent has symbols; `what` says whose.
std::int64_t fixed(const Dim& extent, std::string_view what);
std::vector<std::int64_t> fixed(const Shape& shape, std::string_view what);

// Matrices of any rank from 1 on, by numpy's rule: rank 1 is a row or a column.
Value product(const Value& a, const Value& b);

}  // namespace paceline::onnx
