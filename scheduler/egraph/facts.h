#pragma once

#include <memory>
#include <optional>

#include "common/graph/device.h"
#include "common/graph/shape.h"
#include "common/graph/tensor.h"

namespace paceline::egraph {

// Larger constants have no known elements here.
inline constexpr std::int64_t constant_elements_max = 4096;

// What holds for every node of a class.
struct Facts {
  TensorType type;
  Device device = {};
  // Depends on weights and constants alone and on no symbol: computable when a plan is bound.
  bool is_static = false;
  // A state, or a newer version of one: no rule puts another node beside it.
  bool is_version = false;
  // Every element has this value, whatever the shape: integers that a double holds, bool as 0 or 1.
  std::optional<double> splat;
  // The elements, in the class's dtype.
  std::shared_ptr<const Tensor> constant;
};

// Of one class, from two of its nodes: whether `from` adds to `facts`, and what holds together.
bool learns(const Facts& facts, const Facts& from);
void join_facts(Facts& into, const Facts& from);

}  // namespace paceline::egraph
