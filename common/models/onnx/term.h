#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/graph/graph.h"

namespace paceline::onnx {

// Elements that are known while a file is read: numbers, or integers that are polynomials over the
// model's symbols, as arithmetic on shapes makes them. Immutable once a term holds it.
struct Known {
  Dtype dtype = Dtype::f32;
  Extents extents;
  std::optional<Tensor> numbers;
  std::vector<Dim> dims;  // Without numbers: the elements in row-major order.
  std::string name;       // Of an initialiser; its weight is called so.

  std::int64_t element_count() const { return paceline::element_count(extents); }
  // Element `index` of integers or booleans.
  Dim dim(std::int64_t index) const;

  static Known of(Tensor numbers, std::string name = "");
  // Numbers when no symbol is in them.
  static Known of(Dtype dtype, Extents extents, std::vector<Dim> dims);
  static Known of(std::vector<Dim> dims);  // i64, rank 1.
};

// Floats that are a model's learned numbers rather than part of its structure: they become a weight
// and are not computed with while the file is read. So do large tables of any type.
bool is_weight(const Known& known);

// What an ONNX value stands for: a value of the graph under construction, or known elements.
class Term {
 public:
  Term(Value value) : content_(value) {}
  Term(Known known) : content_(std::make_shared<const Known>(std::move(known))) {}
  explicit Term(std::shared_ptr<const Known> known) : content_(std::move(known)) {}

  const Known* known() const;
  const std::shared_ptr<const Known>& shared() const { return std::get<1>(content_); }
  const Value& value() const { return std::get<0>(content_); }
  TensorType type() const;

 private:
  std::variant<Value, std::shared_ptr<const Known>> content_;
};

// An extent as an element of a run: rank 0.
Value value_of(GraphBuilder& builder, const Dim& dim, Dtype dtype = Dtype::i64);

// Makes values of known terms in one builder, each once. One thread.
class Materialiser {
 public:
  explicit Materialiser(GraphBuilder& builder) : builder_(&builder) {}

  GraphBuilder& builder() const { return *builder_; }
  Value value(const Term& term);
  // The weights that were made, by name.
  std::map<std::string, Tensor, std::less<>> take_weights() { return std::move(weights_); }

 private:
  Value make(const Known& known);
  Value make_symbolic(const Known& known);

  GraphBuilder* builder_;
  // Kept, so that no address is used twice.
  std::map<std::shared_ptr<const Known>, Value> made_;
  std::map<std::string, Tensor, std::less<>> weights_;
};

}  // namespace paceline::onnx
