#pragma once

#include <functional>
#include <string_view>

#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"

// What becomes of an element that an update meets: "none" (replaced), "add", "mul", "max", "min".
// Updates apply one after the other in row-major order. NaN stays and wins.
namespace paceline::ops {

void expect_scatter(const OpInputs& in);  // Checks dtypes and the attribute `reduction`.

// out[target] = combine(out[target], updates[source]) for elements of equal dtypes.
using Combine = std::function<void(const Tensor& out, std::int64_t target, const Tensor& updates,
                                   std::int64_t source)>;
Combine combine_of(std::string_view reduction, Dtype dtype);

// Throws `invalid` unless the index lies in [0, extent).
std::int64_t checked_index(std::string_view op, const Tensor& indices, std::int64_t position,
                           std::int64_t extent);

}  // namespace paceline::ops
