#pragma once

#include "common/ops/support/window.h"

// What pools share: windows of the attribute `kernel` on each channel of x[B,C,spatial 1 to 3].
namespace paceline::ops {

std::vector<AttributeSpec> pool_attributes();  // `kernel`, those of windows, `ceil_mode`.
Shape pool_shape(const OpInputs& in);
Work pool_work(const OpInputs& in, const TensorType& out);
Windows pool_windows(const ReferenceCall& call);

// Samples with one operand of the given dtypes, the first of them most often.
std::vector<Sample> pool_samples(const std::vector<Dtype>& dtypes);

}  // namespace paceline::ops
