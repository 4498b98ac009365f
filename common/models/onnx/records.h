#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/graph/shape.h"

// What an ONNX file says, as plain structs: onnx.proto3 (github.com/onnx/onnx) without what does
// not change a result. Element types are the format's numbers; elements.h knows them.
namespace paceline::onnx {

struct TensorRecord {
  std::string name;
  std::int64_t element_type = 0;
  Extents extents;
  std::optional<std::span<const std::byte>> raw;  // In the file.
  std::vector<std::byte> reals;                   // float_data or double_data.
  std::vector<std::int64_t> integers;             // int32_data, int64_data or uint64_data.
  bool has_text = false;
  bool is_external = false;
  std::map<std::string, std::string> external;  // location, offset, length.
};

// An extent is a number, a name, or neither.
struct DimRecord {
  std::optional<std::int64_t> value;
  std::string name;
};

struct ValueRecord {
  std::string name;
  std::string kind = "nothing";  // "tensor", "sequence", "optional", "map", "sparse tensor".
  std::int64_t element_type = 0;
  std::optional<std::vector<DimRecord>> shape;
};

struct GraphRecord;

struct AttributeRecord {
  std::string name;
  std::string reference;  // The attribute of the enclosing function whose value this takes.
  std::int64_t type =
      0;  // 1 float, 2 int, 3 string, 4 tensor, 5 graph, 6 floats, 7 ints, 8 strings.
  float real = 0;
  std::int64_t integer = 0;
  std::string text;
  std::vector<float> reals;
  std::vector<std::int64_t> integers;
  std::vector<std::string> texts;
  std::shared_ptr<const TensorRecord> tensor;
  std::shared_ptr<const GraphRecord> graph;
};

struct NodeRecord {
  std::string name;
  std::string op;
  std::string domain;               // Empty for the standard's own.
  std::vector<std::string> inputs;  // Empty for an optional one that is left out.
  std::vector<std::string> outputs;
  std::vector<AttributeRecord> attributes;

  const AttributeRecord* find(std::string_view attribute) const;
};

struct GraphRecord {
  std::string name;
  std::vector<NodeRecord> nodes;
  std::vector<TensorRecord> initialisers;
  std::vector<ValueRecord> inputs;
  std::vector<ValueRecord> outputs;
  bool has_sparse_initialisers = false;
};

using Opsets = std::map<std::string, std::int64_t>;  // By domain.

struct FunctionRecord {
  std::string name;
  std::string domain;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<AttributeRecord> defaults;
  std::vector<NodeRecord> nodes;
  Opsets opsets;
};

struct ModelRecord {
  std::int64_t ir_version = 0;
  std::string producer;
  Opsets opsets;
  GraphRecord graph;
  std::map<std::pair<std::string, std::string>, FunctionRecord> functions;  // By domain and name.
};

// Nothing that is large is copied: records point into `bytes`, which must outlive them. Throws
// `invalid`, naming `source`, for bytes that are no ONNX model.
ModelRecord read_model(std::span<const std::byte> bytes, std::string_view source);

// A tensor or a value's type alone, as the standard's test data stores them.
TensorRecord read_tensor(std::span<const std::byte> bytes, std::string_view source);

// "ai.onnx" and "" are the same domain.
std::string canonical_domain(std::string domain);

}  // namespace paceline::onnx
