#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/random.h"
#include "common/graph/attributes.h"
#include "common/graph/shape.h"
#include "common/graph/tensor.h"

namespace paceline {

class GraphBuilder;
class Value;

// What shape inference and work estimates see of a node.
struct OpInputs {
  std::span<const TensorType> types;
  const Attributes& attributes;

  const TensorType& operator[](std::size_t i) const { return types[i]; }
  std::size_t size() const { return types.size(); }
};

// What no kernel can do without. Bytes count each operand once, as if caches were infinite;
// gather-like ops count the rows that they touch.
struct Work {
  Dim flops;
  Dim bytes;
};

// A slow and obvious evaluation. Floats arrive and leave as f64, integers as i64, bool as bool;
// everything is dense. Outputs are allocated from the inferred types. Throws `invalid` on an index
// that is out of range, naming it.
struct ReferenceCall {
  std::span<const Tensor> inputs;
  std::span<Tensor> outputs;
  const Attributes& attributes;
};

// How random elements of one operand are drawn, so that samples lie in the op's domain.
struct Domain {
  enum class Kind { normal, uniform, positive, index, distinct_index, boolean } kind = Kind::normal;
  double low = 0;   // For uniform.
  double high = 0;  // For uniform and index (exclusive).
};

// One concrete case: serves shape inference, correctness of every kernel, and timing tests.
struct Sample {
  struct Operand {
    Dtype dtype = Dtype::f32;
    Extents extents;
    Domain domain = {};
  };
  std::vector<Operand> inputs;
  Attributes attributes = {};
};

// A view names elements of an existing value without moving them: strides in elements.
struct StridedShape {
  Shape shape;
  std::vector<Dim> strides;
  Dim offset = 0;  // In elements, from the first element of the source.
};

// Algebraic and memory facts that rules and planners may use.
struct OpFacts {
  bool elementwise = false;  // Each output element depends on the same element of each input.
  bool commutative = false;
  bool associative = false;
  bool reduction = false;
  bool deterministic = true;
  // Ranks of a gang exchange data in it (all-reduce, send): never duplicated, removed or reordered
  // against another of the same communicator.
  bool collective = false;
};

// What an op means: everything that anyone needs to know of it, in one file of common/ops/.
// Immutable, any thread.
struct Op {
  std::string name;  // From the file name.
  int input_count_min = 0;
  int input_count_max = 0;  // -1: no limit. Set by `arity`.
  std::vector<AttributeSpec> attributes;
  OpFacts facts;

  // Output types; throws `invalid` naming the operands that do not fit.
  std::function<std::vector<TensorType>(const OpInputs&)> infer;
  std::function<Work(const OpInputs&)> work;
  std::function<void(const ReferenceCall&)> reference;
  std::vector<Sample> samples;

  // Composite ops: the same result from other ops. Null when atomic.
  std::function<std::vector<Value>(GraphBuilder&, std::span<const Value>, const Attributes&)>
      decompose;
  // View ops (reshape, permute, slice, broadcast): where output 0 lies in input 0, given how that
  // lies; nullopt when this case needs a copy.
  std::function<std::optional<StridedShape>(const StridedShape&, const OpInputs&)> view;
  // Which output may overwrite which input (same bytes, elementwise use): (output, input).
  std::vector<std::pair<int, int>> in_place;
  // Which output is which input with some elements replaced: (output, input), an input once. The
  // planner runs it in place when the input dies here, and always on states.
  std::vector<std::pair<int, int>> updates;

  bool is_composite() const { return decompose != nullptr; }
  std::optional<int> updated_input(int output) const {
    for (const auto& [to, from] : updates) {
      if (to == output) return from;
    }
    return std::nullopt;
  }
};

// The output types of `op` on `inputs`, after its arity was checked. `attributes` must be complete.
// Throws `invalid` naming the op, its operands and what does not fit.
std::vector<TensorType> infer_types(const Op& op, std::span<const TensorType> inputs,
                                    const Attributes& attributes);
void check_rank(const TensorType& type);  // Throws `invalid` above tensor_rank_max axes.

// The ops of a program by name. Immutable after construction; any thread.
class OpSet {
 public:
  explicit OpSet(std::vector<Op> ops);

  const Op* find(std::string_view name) const;
  const Op& get(std::string_view name) const;  // Throws `invalid` and lists near names.
  std::span<const Op> all() const { return ops_; }

 private:
  std::vector<Op> ops_;  // Sorted by name.
};

}  // namespace paceline
