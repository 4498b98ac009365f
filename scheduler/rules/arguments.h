#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "scheduler/egraph/egraph.h"
#include "scheduler/egraph/functions.h"

namespace paceline::rules {

using Integers = std::vector<std::int64_t>;

// What a condition or an attribute function was called with, each argument as what it must be.
// Throws `internal` where a rule's text gives something else.
class Call {
 public:
  Call(egraph::Arguments arguments, const egraph::EGraph& graph)
      : arguments_(arguments), graph_(graph) {}

  const egraph::EGraph& graph() const { return graph_; }
  std::size_t size() const { return arguments_.size(); }

  // Classes; `first_class` also takes the first of a list.
  egraph::ClassId id(std::size_t i) const { return get<egraph::ClassId>(i); }
  egraph::ClassId first_class(std::size_t i) const;
  const TensorType& type(std::size_t i) const { return graph_.facts(id(i)).type; }
  const Shape& shape_of(std::size_t i) const { return type(i).shape; }
  int rank(std::size_t i) const { return static_cast<int>(shape_of(i).size()); }
  std::optional<double> splat(std::size_t i) const { return graph_.facts(id(i)).splat; }

  // Attributes. Integers may stand for dims and reals.
  std::int64_t integer(std::size_t i) const { return attribute<std::int64_t>(i); }
  bool boolean(std::size_t i) const { return attribute<bool>(i); }
  Dtype dtype(std::size_t i) const { return attribute<Dtype>(i); }
  const Integers& integers(std::size_t i) const { return attribute<Integers>(i); }
  Shape shape(std::size_t i) const { return attribute<Shape>(i); }
  double real(std::size_t i) const;
  Dim dim(std::size_t i) const;
  template <typename T>
  bool holds(std::size_t i) const {
    const Attribute* attribute = std::get_if<Attribute>(&at(i));
    return attribute != nullptr && std::holds_alternative<T>(*attribute);
  }

 private:
  const egraph::Argument& at(std::size_t i) const {
    check(i < arguments_.size(), "a rule gives a function too few arguments");
    return arguments_[i];
  }
  template <typename T>
  const T& get(std::size_t i) const {
    const T* value = std::get_if<T>(&at(i));
    check(value != nullptr, "a rule gives a function an argument of the wrong sort");
    return *value;
  }
  template <typename T>
  const T& attribute(std::size_t i) const {
    const T* value = std::get_if<T>(&get<Attribute>(i));
    check(value != nullptr, "a rule gives a function an attribute of the wrong kind");
    return *value;
  }

  egraph::Arguments arguments_;
  const egraph::EGraph& graph_;
};

// In [0, rank), whichever end `axis` counts from; nullopt when there is no such axis.
std::optional<int> place_of(std::int64_t axis, int rank);
// The same place counted from the last axis: -1, -2, ...
std::int64_t from_last(std::int64_t axis, int rank);

// True when the difference of two dims says so for all values of the symbols.
bool is_known_at_least(const Dim& a, const Dim& b);

// Collects functions of calls under the names that the text of rules uses.
class FunctionTable {
 public:
  void add(const char* name, bool (*holds)(const Call&));
  void add(const char* name, std::optional<Attribute> (*compute)(const Call&));
  egraph::Functions take() { return std::move(all_); }

 private:
  egraph::Functions all_;
};

// Pieces of functions(), by what they look at.
egraph::Functions shape_functions();
egraph::Functions order_functions();
egraph::Functions value_functions();
egraph::Functions head_functions();
egraph::Functions channel_functions();

}  // namespace paceline::rules
