#pragma once

#include <cstdint>
#include <vector>

#include "common/graph/attributes.h"

namespace paceline::ops {

// What `resize` computes along its axis: element i of the output is the sum over t below `width` of
// weights[i * width + t] * x[places[i * width + t]], or `extrapolation` where is_outside[i]. The
// standard's text (ONNX, Resize of opset 18 and 19) defines coordinates, weights and rounding.
struct ResizeTaps {
  std::int64_t width = 0;
  std::vector<std::int64_t> places;
  std::vector<double> weights;
  std::vector<bool> is_outside;
};
// Throws `invalid` unless `scale` is 0 or leads from the one extent to the other.
void expect_resize_scale(double scale, std::int64_t from, std::int64_t to);
// Checks the scale too.
ResizeTaps resize_taps(const Attributes& attributes, std::int64_t from, std::int64_t to);

}  // namespace paceline::ops
