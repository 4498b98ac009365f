#include "worker/execute/bound_attributes.h"

#include <algorithm>

namespace paceline {

namespace {

bool is_symbolic(const Attribute& attribute) {
  if (const Dim* dim = std::get_if<Dim>(&attribute)) return !dim->is_constant();
  const Shape* shape = std::get_if<Shape>(&attribute);
  return shape != nullptr && !std::all_of(shape->begin(), shape->end(),
                                          [](const Dim& dim) { return dim.is_constant(); });
}

Attribute bound(const Attribute& symbolic, const Bindings& bindings) {
  if (const Dim* dim = std::get_if<Dim>(&symbolic)) return Dim(dim->evaluate(bindings));
  Shape shape = std::get<Shape>(symbolic);
  for (Dim& dim : shape) dim = dim.evaluate(bindings);
  return shape;
}

}  // namespace

BoundAttributes::BoundAttributes(const Attributes& attributes) : bound_(attributes) {
  for (const auto& [name, value] : attributes) {
    if (is_symbolic(value)) symbolic_.emplace_back(name, value);
  }
}

const Attributes& BoundAttributes::bind(const Bindings& bindings) {
  for (const auto& [name, value] : symbolic_) bound_.set(name, bound(value, bindings));
  return bound_;
}

}  // namespace paceline
