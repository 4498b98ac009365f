#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/random.h"
#include "common/graph/graph.h"

namespace paceline::test {

// The values of a graph under construction, and dice: what the motifs of `rewritable_graph` are
// made with.
class Pool {
 public:
  Pool(const OpSet& ops, std::uint64_t seed);

  GraphBuilder builder;
  Dtype dtype;      // Of all floats.
  Dim batch, rows;  // Symbols, or small numbers.

  std::int64_t below(std::int64_t bound) { return random_.below(bound); }
  bool chance(double probability) { return random_.uniform() < probability; }
  bool is_off() { return chance(0.2); }  // This detail shall be wrong.
  template <typename T>
  const T& one_of(const std::vector<T>& choices) {
    return choices[below(static_cast<std::int64_t>(choices.size()))];
  }

  Value input(const Shape& shape);   // Another one each time.
  Value weight(const Shape& shape);  // Another one each time.
  Value value(const Shape& shape);   // An earlier value of this shape, or a new leaf.
  Value any();                       // An earlier float, of rank 1 to 4.
  Value like(const Value& x) { return value(x.shape()); }
  Value number(double number, const Value& like);  // Broadcast to its shape.
  // `right`, or at times something near it.
  Value about(double right, const Value& like);
  Value special(const Value& like);  // 0, 1, -1, 2, infinity, ...

  Value op(std::string_view name, std::vector<Value> inputs, Attributes attributes = {});
  Value reduce(std::string_view name, const Value& x, std::int64_t axis, bool keep_dims = true);
  Value mean(const Value& x);  // Of the last axis.

  void keep(const Value& value);  // For later motifs, and as an output.
  Graph finish();

 private:
  Random random_;
  std::vector<Value> floats_;
  std::vector<Value> kept_;
  int leaves_ = 0;
};

}  // namespace paceline::test
