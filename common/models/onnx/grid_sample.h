#pragma once

#include <string>

#include "common/models/onnx/lower.h"

namespace paceline::onnx {

struct GridSampling {
  std::string mode = "linear";    // Or "nearest", "cubic".
  std::string padding = "zeros";  // Or "border", "reflection".
  bool aligns_corners = false;
};

// Elements of images x[N,C,H,W] at the places grid[N,H',W',2] (column, row) in [-1, 1].
Value grid_sample(const Value& x, const Value& grid, const GridSampling& how);

}  // namespace paceline::onnx
