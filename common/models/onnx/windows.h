#pragma once

#include "common/models/onnx/lower.h"

// Windows that slide over the axes after channels, as convolutions and pools have them.
namespace paceline::onnx {

struct Windows {
  Axes kernel;
  Axes strides;
  Axes dilations;
  Axes low;   // Padding before an axis,
  Axes high;  // and after it.

  Attributes attributes() const;  // Those of the registry's ops, without the kernel.
};

// By a node's attributes. `x` is [batch, channels, ...]. Throws `invalid` for counts that do not
// fit, `unsupported` where padding depends on a symbol.
Windows windows_of(const Call& call, const Shape& x, const Axes& kernel);

// The extents of a weight's or a pool's windows.
Axes kernel_of(const Call& call, const Shape& x);
Axes kernel_of_weight(const Call& call, const Shape& weight);

// The attribute `name` with an entry for each axis of `count`, or `missing` for each.
Axes spatial(const Call& call, std::string_view name, std::size_t count, std::int64_t missing);

}  // namespace paceline::onnx
