#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/graph/tensor.h"

// ONNX files for tests, made in memory as protobuf would write them.
namespace paceline::test {

inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::string number_field(int field, std::int64_t value) {
  return varint(static_cast<std::uint64_t>(field) << 3) + varint(static_cast<std::uint64_t>(value));
}
inline std::string text_field(int field, std::string_view text) {
  return varint(static_cast<std::uint64_t>(field) << 3 | 2) + varint(text.size()) +
         std::string(text);
}
inline std::string fixed32_field(int field, float value) {
  const auto bits = std::bit_cast<std::array<char, 4>>(value);
  return varint(static_cast<std::uint64_t>(field) << 3 | 5) + std::string(bits.data(), bits.size());
}

// Numbers of TensorProto.DataType.
inline std::int64_t element_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return 1;
    case Dtype::u8:
      return 2;
    case Dtype::i8:
      return 3;
    case Dtype::i32:
      return 6;
    case Dtype::i64:
      return 7;
    case Dtype::boolean:
      return 9;
    case Dtype::f16:
      return 10;
    case Dtype::f64:
      return 11;
    default:
      return 16;
  }
}

inline std::string onnx_tensor(std::string_view name, const Tensor& tensor) {
  std::string bytes;
  for (const std::int64_t extent : tensor.extents()) bytes += number_field(1, extent);
  bytes += number_field(2, element_type(tensor.dtype())) + text_field(8, name);
  return bytes + text_field(9, {tensor.as<const char>(), tensor.size_bytes()});
}

// An axis is a number, a name, or "" for neither.
using OnnxAxis = std::variant<std::int64_t, std::string>;

inline std::string onnx_value(std::string_view name, std::int64_t type,
                              const std::vector<OnnxAxis>& axes) {
  std::string shape;
  for (const OnnxAxis& axis : axes) {
    const auto* number = std::get_if<std::int64_t>(&axis);
    const std::string dim = number != nullptr           ? number_field(1, *number)
                            : std::get<1>(axis).empty() ? ""
                                                        : text_field(2, std::get<1>(axis));
    shape += text_field(1, dim);
  }
  const std::string tensor = number_field(1, type) + text_field(2, shape);
  return text_field(1, name) + text_field(2, text_field(1, tensor));
}

inline std::string onnx_integer(std::string_view name, std::int64_t value) {
  return text_field(1, name) + number_field(3, value) + number_field(20, 2);
}
inline std::string onnx_real(std::string_view name, float value) {
  return text_field(1, name) + fixed32_field(2, value) + number_field(20, 1);
}
inline std::string onnx_reals(std::string_view name, const std::vector<float>& values) {
  std::string bytes = text_field(1, name);
  for (const float value : values) bytes += fixed32_field(7, value);
  return bytes + number_field(20, 6);
}
inline std::string onnx_texts(std::string_view name, const std::vector<std::string>& values) {
  std::string bytes = text_field(1, name);
  for (const std::string& value : values) bytes += text_field(9, value);
  return bytes + number_field(20, 8);
}
inline std::string onnx_integers(std::string_view name, const std::vector<std::int64_t>& values) {
  std::string bytes = text_field(1, name);
  for (const std::int64_t value : values) bytes += number_field(8, value);
  return bytes + number_field(20, 7);
}
inline std::string onnx_text(std::string_view name, std::string_view value) {
  return text_field(1, name) + text_field(4, value) + number_field(20, 3);
}
inline std::string onnx_graph_attribute(std::string_view name, const std::string& graph) {
  return text_field(1, name) + text_field(6, graph) + number_field(20, 5);
}
// Within a function: takes the value of the call's attribute `of`.
inline std::string onnx_reference(std::string_view name, std::string_view of, int type) {
  return text_field(1, name) + text_field(21, of) + number_field(20, type);
}

struct OnnxNode {
  std::string op;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> attributes = {};
  std::string domain = "";
  std::string name = "";
};

inline std::string onnx_node(const OnnxNode& node) {
  std::string bytes;
  for (const std::string& name : node.inputs) bytes += text_field(1, name);
  for (const std::string& name : node.outputs) bytes += text_field(2, name);
  bytes += text_field(3, node.name) + text_field(4, node.op);
  for (const std::string& attribute : node.attributes) bytes += text_field(5, attribute);
  return bytes + text_field(7, node.domain);
}

struct OnnxGraph {
  std::vector<std::string> inputs;  // Of onnx_value.
  std::vector<std::string> outputs;
  std::vector<OnnxNode> nodes;
  std::vector<std::string> initialisers = {};  // Of onnx_tensor.

  std::string bytes() const {
    std::string bytes;
    for (const OnnxNode& node : nodes) bytes += text_field(1, onnx_node(node));
    bytes += text_field(2, "g");
    for (const std::string& tensor : initialisers) bytes += text_field(5, tensor);
    for (const std::string& input : inputs) bytes += text_field(11, input);
    for (const std::string& output : outputs) bytes += text_field(12, output);
    return bytes;
  }
};

inline std::string onnx_opset(std::int64_t version, std::string_view domain = "") {
  return text_field(1, domain) + number_field(2, version);
}

inline std::string onnx_model(const OnnxGraph& graph, std::int64_t opset = 17,
                              const std::vector<std::string>& functions = {},
                              const std::vector<std::string>& opsets = {}) {
  std::string bytes = number_field(1, 8) + text_field(7, graph.bytes());
  bytes += text_field(8, onnx_opset(opset));
  for (const std::string& more : opsets) bytes += text_field(8, more);
  for (const std::string& function : functions) bytes += text_field(25, function);
  return bytes;
}

}  // namespace paceline::test
