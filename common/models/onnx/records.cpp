#include "common/models/onnx/records.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/models/onnx/wire.h"

namespace paceline::onnx {

namespace {

constexpr int nesting_max = 32;  // Of graphs in attributes of nodes, so no file exhausts the stack.
constexpr std::size_t records_bytes_max = std::size_t{1} << 28;

// Two bytes of a file may become hundreds in memory: counts what records take.
class Room {
 public:
  template <typename Record>
  void take(const Message& message) {
    taken_ += sizeof(Record);
    if (taken_ > records_bytes_max) {
      message.fail(
          fmt::format("nodes, attributes and tensors take more than {} bytes", records_bytes_max));
    }
  }

 private:
  std::size_t taken_ = 0;
};

std::pair<std::string, std::string> read_entry(Message message) {
  std::pair<std::string, std::string> entry;
  for (Field field; message.next(field);) {
    if (field.number == 1) entry.first = message.text(field);
    if (field.number == 2) entry.second = message.text(field);
  }
  return entry;
}

TensorRecord read_tensor(Message message, Room& room) {
  room.take<TensorRecord>(message);
  TensorRecord tensor;
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        message.integers(field, tensor.extents);
        break;
      case 2:
        tensor.element_type = message.integer(field);
        break;
      case 4:
        message.reals(field, 4, tensor.reals);
        break;
      case 5:
      case 7:
      case 11:
        message.integers(field, tensor.integers);
        break;
      case 6:
        tensor.has_text = true;
        break;
      case 8:
        tensor.name = message.text(field);
        break;
      case 9:
        tensor.raw = message.bytes(field);
        break;
      case 10:
        message.reals(field, 8, tensor.reals);
        break;
      case 13:
        room.take<std::pair<std::string, std::string>>(message);
        tensor.external.insert(read_entry(message.message(field)));
        break;
      case 14:
        tensor.is_external = message.integer(field) == 1;
        break;
      default:
        break;
    }
  }
  return tensor;
}

DimRecord read_dim(Message message) {
  DimRecord dim;
  for (Field field; message.next(field);) {
    if (field.number == 1) dim.value = message.integer(field);
    if (field.number == 2) dim.name = message.text(field);
  }
  return dim;
}

void read_tensor_type(Message message, Room& room, ValueRecord& value) {
  value.kind = "tensor";
  for (Field field; message.next(field);) {
    if (field.number == 1) value.element_type = message.integer(field);
    if (field.number != 2) continue;
    value.shape.emplace();
    Message shape = message.message(field);
    for (Field dim; shape.next(dim);) {
      if (dim.number != 1) continue;
      room.take<DimRecord>(message);
      value.shape->push_back(read_dim(shape.message(dim)));
    }
  }
}

void read_type(Message message, Room& room, ValueRecord& value) {
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        read_tensor_type(message.message(field), room, value);
        break;
      case 4:
        value.kind = "sequence";
        break;
      case 5:
        value.kind = "map";
        break;
      case 8:
        value.kind = "sparse tensor";
        break;
      case 9:
        value.kind = "optional";
        break;
      default:
        break;
    }
  }
}

ValueRecord read_value(Message message, Room& room) {
  room.take<ValueRecord>(message);
  ValueRecord value;
  for (Field field; message.next(field);) {
    if (field.number == 1) value.name = message.text(field);
    if (field.number == 2) read_type(message.message(field), room, value);
  }
  return value;
}

std::pair<std::string, std::int64_t> read_opset(Message message) {
  std::pair<std::string, std::int64_t> opset;
  for (Field field; message.next(field);) {
    if (field.number == 1) opset.first = canonical_domain(message.text(field));
    if (field.number == 2) opset.second = message.integer(field);
  }
  return opset;
}

GraphRecord read_graph(Message message, Room& room, int nesting);

// Files before IR version 2 leave out the type.
std::int64_t guessed_type(const AttributeRecord& attribute, bool has_real, bool has_integer) {
  if (has_real) return 1;
  if (has_integer) return 2;
  if (attribute.tensor) return 4;
  if (attribute.graph) return 5;
  if (!attribute.reals.empty()) return 6;
  if (!attribute.integers.empty()) return 7;
  if (!attribute.texts.empty()) return 8;
  return attribute.text.empty() ? 0 : 3;
}

AttributeRecord read_attribute(Message message, Room& room, int nesting) {
  room.take<AttributeRecord>(message);
  AttributeRecord attribute;
  std::vector<std::byte> reals;
  bool has_real = false;
  bool has_integer = false;
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        attribute.name = message.text(field);
        break;
      case 2:
        attribute.real = message.real(field);
        has_real = true;
        break;
      case 3:
        attribute.integer = message.integer(field);
        has_integer = true;
        break;
      case 4:
        attribute.text = message.text(field);
        break;
      case 5:
        attribute.tensor =
            std::make_shared<TensorRecord>(read_tensor(message.message(field), room));
        break;
      case 6:
        attribute.graph =
            std::make_shared<GraphRecord>(read_graph(message.message(field), room, nesting + 1));
        break;
      case 7:
        message.reals(field, 4, reals);
        break;
      case 8:
        message.integers(field, attribute.integers);
        break;
      case 9:
        room.take<std::string>(message);
        attribute.texts.push_back(message.text(field));
        break;
      case 20:
        attribute.type = message.integer(field);
        break;
      case 21:
        attribute.reference = message.text(field);
        break;
      default:
        break;
    }
  }
  attribute.reals.resize(reals.size() / sizeof(float));
  std::copy(reals.begin(), reals.end(), reinterpret_cast<std::byte*>(attribute.reals.data()));
  if (attribute.type == 0) attribute.type = guessed_type(attribute, has_real, has_integer);
  return attribute;
}

NodeRecord read_node(Message message, Room& room, int nesting) {
  room.take<NodeRecord>(message);
  NodeRecord node;
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        room.take<std::string>(message);
        node.inputs.push_back(message.text(field));
        break;
      case 2:
        room.take<std::string>(message);
        node.outputs.push_back(message.text(field));
        break;
      case 3:
        node.name = message.text(field);
        break;
      case 4:
        node.op = message.text(field);
        break;
      case 5:
        node.attributes.push_back(read_attribute(message.message(field), room, nesting));
        break;
      case 7:
        node.domain = canonical_domain(message.text(field));
        break;
      default:
        break;
    }
  }
  return node;
}

GraphRecord read_graph(Message message, Room& room, int nesting) {
  if (nesting > nesting_max) message.fail("graphs are nested too deeply");
  GraphRecord graph;
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        graph.nodes.push_back(read_node(message.message(field), room, nesting));
        break;
      case 2:
        graph.name = message.text(field);
        break;
      case 5:
        graph.initialisers.push_back(read_tensor(message.message(field), room));
        break;
      case 11:
        graph.inputs.push_back(read_value(message.message(field), room));
        break;
      case 12:
        graph.outputs.push_back(read_value(message.message(field), room));
        break;
      case 15:
        graph.has_sparse_initialisers = true;
        break;
      default:
        break;
    }
  }
  return graph;
}

FunctionRecord read_function(Message message, Room& room) {
  room.take<FunctionRecord>(message);
  FunctionRecord function;
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        function.name = message.text(field);
        break;
      case 4:
        room.take<std::string>(message);
        function.inputs.push_back(message.text(field));
        break;
      case 5:
        room.take<std::string>(message);
        function.outputs.push_back(message.text(field));
        break;
      case 7:
        function.nodes.push_back(read_node(message.message(field), room, 0));
        break;
      case 9:
        function.opsets.insert(read_opset(message.message(field)));
        break;
      case 10:
        function.domain = canonical_domain(message.text(field));
        break;
      case 11:
        function.defaults.push_back(read_attribute(message.message(field), room, 0));
        break;
      default:
        break;
    }
  }
  return function;
}

}  // namespace

const AttributeRecord* NodeRecord::find(std::string_view attribute) const {
  const auto found = std::find_if(attributes.begin(), attributes.end(),
                                  [&](const auto& entry) { return entry.name == attribute; });
  return found == attributes.end() ? nullptr : &*found;
}

std::string canonical_domain(std::string domain) { return domain == "ai.onnx" ? "" : domain; }

ModelRecord read_model(std::span<const std::byte> bytes, std::string_view source) {
  if (bytes.empty()) throw invalid("{}: an empty file is no ONNX model", source);
  ModelRecord model;
  bool has_graph = false;
  Room room;
  Message message(bytes, bytes, source);
  for (Field field; message.next(field);) {
    switch (field.number) {
      case 1:
        model.ir_version = message.integer(field);
        break;
      case 2:
        model.producer = message.text(field);
        break;
      case 7:
        model.graph = read_graph(message.message(field), room, 0);
        has_graph = true;
        break;
      case 8:
        model.opsets.insert(read_opset(message.message(field)));
        break;
      case 25: {
        FunctionRecord function = read_function(message.message(field), room);
        const auto key = std::pair(function.domain, function.name);
        model.functions.insert({key, std::move(function)});
        break;
      }
      default:
        break;
    }
  }
  if (!has_graph) throw invalid("{}: no ONNX model: it holds no graph", source);
  if (model.ir_version < 3) {
    throw invalid("{}: the ONNX IR version must be at least 3: {}", source, model.ir_version);
  }
  return model;
}

TensorRecord read_tensor(std::span<const std::byte> bytes, std::string_view source) {
  Room room;
  return read_tensor(Message(bytes, bytes, source), room);
}

}  // namespace paceline::onnx
