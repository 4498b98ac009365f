#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/models/checkpoint.h"

namespace paceline {

// Declares the weights of a graph under construction and binds each to a tensor of the checkpoint,
// by the name it has there. Tensors that keep their type stay mapped; others are converted once.
class WeightBinder {
 public:
  // `prefix` ("model.") stands before the names of published models, but is missing where only the
  // trunk was saved.
  WeightBinder(GraphBuilder& builder, const Checkpoint& checkpoint, std::string prefix,
               Dtype dtype);

  GraphBuilder& builder() const { return *builder_; }
  Dtype dtype() const { return dtype_; }

  // `name` is without prefix. A weight in blocks is a weight of bytes, dequantised. Throws
  // `invalid` naming the weight, with the shape expected and found.
  Value get(const std::string& name, const Extents& extents);
  // `count` rows from `first` on of a weight of shape `extents`, as a weight "NAME[first:end]" of
  // its own that shares the memory.
  Value rows(const std::string& name, const Extents& extents, std::int64_t first,
             std::int64_t count);
  // The matrix `index` of a stack [E, rows, columns], or `count` of its rows from `first` on.
  Value matrix(const std::string& name, const Extents& extents, std::int64_t index,
               std::int64_t first, std::int64_t count);

  // x times a weight [N,K] of this binder and, if there is one, its bias; products with blocks take
  // them as they are, and so do rows of an embedding.
  Value linear(const Value& x, std::vector<Value> weight_and_bias, const std::string& label) const;
  Value embedding(const Value& ids, const Value& table, const std::string& label) const;

  bool has(const std::string& name) const { return find(name) != nullptr; }
  // Of its numbers. Throws `invalid` when the weight is missing.
  Extents extents(const std::string& name) const;

  TensorMap take_bound() { return std::move(bound_); }

 private:
  using Entry = TensorMap::value_type;

  std::string said_name(const std::string& published) const;
  std::string said_names(const std::string& name) const;
  const Entry* find(const std::string& name) const;
  const Entry& find(const std::string& name, const Extents& extents) const;
  const ops::BlockFormat* blocks_of(const Entry& entry) const;
  // The tensor of `rows` rows from `first` on of an entry of so many columns.
  Value bind_rows(const std::string& name, const Entry& entry, std::int64_t columns,
                  std::int64_t first, std::int64_t rows);
  Value bind(const std::string& name, const Tensor& tensor, const ops::BlockFormat* blocks);

  GraphBuilder* builder_;
  const Checkpoint* checkpoint_;
  std::string prefix_;
  Dtype dtype_;
  TensorMap bound_;
  std::map<std::string, Value> values_;
  struct Blocks {
    Value bytes;
    Attribute format;
  };
  std::map<std::int32_t, Blocks> blocks_;  // By the node that dequantises them.
};

}  // namespace paceline
