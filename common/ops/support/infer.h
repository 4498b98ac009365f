#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/graph/op.h"

// Checks and measures that inference and work estimates share. Errors are `invalid` and say what
// does not fit; whoever infers puts the op and its operands before it.
namespace paceline::ops {

using Integers = std::vector<std::int64_t>;
using Types = std::vector<TensorType>;

// Numbers are all but bool; signed ones all but bool and u8.
enum class Elements { floats, numbers, signed_numbers, booleans, indices, any };
std::vector<Dtype> dtypes_of(Elements allowed);
void expect(Elements allowed, const TensorType& type);

void expect_extents(const Shape& shape);  // None is negative, as far as constants say.
void expect_rank(int rank_min, const TensorType& type);
void expect_equal_dtypes(const OpInputs& in);
void expect_equal_types(const OpInputs& in);  // Dtypes and shapes.
// Dims are equal as polynomials: `what` names them in the message.
void expect_equal(const Dim& a, const Dim& b, std::string_view what);

int rank_of(const TensorType& type);
// `axis` counts from the last when negative; the result is in [0, rank).
int positive_axis(std::int64_t axis, int rank);
int axis_of(const OpInputs& in);  // The attribute `axis`, for the first input.
// The extent of the last axis, where a mean needs its number. Throws when it is symbolic.
std::int64_t fixed_last_extent(const TensorType& type);

Dim count(const TensorType& type);
// Each operand once.
Dim bytes_of(const OpInputs& in, const Types& outputs);
// A few operations on each element of the first input.
Work elementwise_work(const OpInputs& in, const Types& outputs, std::int64_t flops_each);
// The output is written and as many elements are read.
Work moving_work(const TensorType& output);

}  // namespace paceline::ops
