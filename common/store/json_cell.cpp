#include "common/store/json_cell.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/base/error.h"

namespace paceline::store {
namespace {

using Json = nlohmann::json;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Names are looked up in both directions.
template <typename T, std::size_t n>
T parse_name(const std::pair<T, const char*> (&names)[n], const std::string& name) {
  for (const auto& [value, text] : names) {
    if (name == text) return value;
  }
  throw invalid("unknown name in the store, written by a newer program: {}", name);
}

template <typename T, std::size_t n>
const char* name_of(const std::pair<T, const char*> (&names)[n], T value) {
  for (const auto& [known, text] : names) {
    if (known == value) return text;
  }
  check(false, "a name for every value");
  return "";
}

constexpr std::pair<Strides, const char*> stride_names[] = {
    {Strides::dense, "dense"}, {Strides::dense_inner, "dense_inner"}, {Strides::any, "any"}};

Json json_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

double double_of(const Json& json) {
  if (json.is_number()) return json.get<double>();
  const std::string& text = json.get_ref<const std::string&>();
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  throw invalid("not a number in the store: {}", text);
}

Dtype dtype_of(const Json& json) {
  const auto& name = json.get_ref<const std::string&>();
  const auto dtype = parse_dtype(name);
  if (!dtype) throw invalid("unknown dtype in the store, written by a newer program: {}", name);
  return *dtype;
}

// Attributes are tagged with their kind, since 1 may be an integer, a real or a dim.
struct AttributeWriter {
  Json operator()(bool value) const { return {{"boolean", value}}; }
  Json operator()(std::int64_t value) const { return {{"integer", value}}; }
  Json operator()(double value) const { return {{"real", json_of(value)}}; }
  Json operator()(const std::string& value) const { return {{"text", value}}; }
  Json operator()(Dtype value) const { return {{"dtype", to_string(value)}}; }
  Json operator()(const std::vector<std::int64_t>& value) const { return {{"integers", value}}; }
  Json operator()(const Dim& value) const { return {{"dim", value.to_string()}}; }
  Json operator()(const Shape& value) const {
    Json dims = Json::array();
    for (const Dim& dim : value) dims.push_back(dim.to_string());
    return {{"shape", dims}};
  }
};

Shape shape_of(const Json& json) {
  Shape shape;
  for (const Json& dim : json) shape.push_back(Dim::parse(dim.get<std::string>()));
  return shape;
}

Attribute attribute_of(const Json& json) {
  if (!json.is_object() || json.size() != 1) {
    throw invalid("malformed attribute in the store: {}", json.dump());
  }
  const std::string& kind = json.begin().key();
  const Json& value = json.begin().value();
  if (kind == "boolean") return value.get<bool>();
  if (kind == "integer") return value.get<std::int64_t>();
  if (kind == "real") return double_of(value);
  if (kind == "text") return value.get<std::string>();
  if (kind == "dtype") return dtype_of(value);
  if (kind == "integers") return value.get<std::vector<std::int64_t>>();
  if (kind == "dim") return Dim::parse(value.get<std::string>());
  if (kind == "shape") return shape_of(value);
  throw invalid("unknown kind of attribute in the store, written by a newer program: {}", kind);
}

Json json_of(const Attributes& attributes) {
  Json json = Json::object();
  for (const auto& [name, value] : attributes) json[name] = std::visit(AttributeWriter{}, value);
  return json;
}

Attributes attributes_of(const Json& json) {
  Attributes attributes;
  for (const auto& [name, value] : json.items()) attributes.set(name, attribute_of(value));
  return attributes;
}

Json json_of(const OperandType& operand) {
  Json json = {{"dtype", to_string(operand.dtype)}, {"extents", operand.extents}};
  if (!operand.strides.empty()) json["strides"] = operand.strides;
  if (!operand.packing.empty()) json["packing"] = operand.packing;
  return json;
}

OperandType operand_of(const Json& json) {
  return {.dtype = dtype_of(json.at("dtype")),
          .extents = json.at("extents").get<Extents>(),
          .strides = json.value("strides", std::vector<std::int64_t>{}),
          .packing = json.value("packing", std::string())};
}

Json json_of(const Accepts& accepts) {
  Json json = {{"rank_min", accepts.rank_min},
               {"rank_max", accepts.rank_max},
               {"output_strides", name_of(stride_names, accepts.output_strides)},
               {"attributes", json_of(accepts.attributes)},
               {"isa", accepts.isa},
               {"dtypes", Json::array()},
               {"input_strides", Json::array()},
               {"divisible", Json::array()}};
  for (const Dtype dtype : accepts.dtypes) json["dtypes"].push_back(to_string(dtype));
  for (const Strides strides : accepts.input_strides) {
    json["input_strides"].push_back(name_of(stride_names, strides));
  }
  for (const auto& [input, axis, by] : accepts.divisible) {
    json["divisible"].push_back({{"input", input}, {"axis", axis}, {"by", by}});
  }
  return json;
}

Accepts accepts_of(const Json& json) {
  Accepts accepts;
  accepts.rank_min = json.at("rank_min");
  accepts.rank_max = json.at("rank_max");
  accepts.output_strides = parse_name(stride_names, json.at("output_strides"));
  accepts.attributes = attributes_of(json.at("attributes"));
  accepts.isa = json.at("isa").get<std::vector<std::string>>();
  for (const Json& dtype : json.at("dtypes")) accepts.dtypes.push_back(dtype_of(dtype));
  for (const Json& strides : json.at("input_strides")) {
    accepts.input_strides.push_back(parse_name(stride_names, strides));
  }
  for (const Json& rule : json.at("divisible")) {
    accepts.divisible.push_back(
        {.input = rule.at("input"), .axis = rule.at("axis"), .by = rule.at("by")});
  }
  return accepts;
}

Json json_of(const Machine::Cache& cache) {
  return {{"level", cache.level}, {"bytes", cache.bytes}, {"shared_by", cache.shared_by}};
}

Machine::Cache cache_of(const Json& json) {
  return {.level = json.at("level"), .bytes = json.at("bytes"), .shared_by = json.at("shared_by")};
}

Json json_of(const Machine::Gpu& gpu) {
  return {{"model", gpu.model},
          {"architecture", gpu.architecture},
          {"multiprocessors", gpu.multiprocessors},
          {"memory_bytes", gpu.memory_bytes},
          {"l2_bytes", gpu.l2_bytes},
          {"power_limit_watts", gpu.power_limit_watts},
          {"ecc", gpu.ecc},
          {"link", gpu.link}};
}

Machine::Gpu gpu_of(const Json& json) {
  return {.model = json.at("model"),
          .architecture = json.at("architecture"),
          .multiprocessors = json.at("multiprocessors"),
          .memory_bytes = json.at("memory_bytes"),
          .l2_bytes = json.at("l2_bytes"),
          .power_limit_watts = json.at("power_limit_watts"),
          .ecc = json.at("ecc"),
          .link = json.at("link")};
}

Json json_of(const Measurement::Discarded& discarded) {
  return {{"seconds", json_of(discarded.seconds)},
          {"block", discarded.block},
          {"cause", discarded.cause}};
}

Measurement::Discarded discarded_of(const Json& json) {
  return {.seconds = double_of(json.at("seconds")),
          .block = json.at("block"),
          .cause = json.at("cause")};
}

template <typename T>
std::string array_text(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(json_of(value));
  return dump(json);
}

template <typename T>
std::vector<T> array_of(const Json& json, T (*element_of)(const Json&)) {
  std::vector<T> values;
  values.reserve(json.size());
  for (const Json& element : json) values.push_back(element_of(element));
  return values;
}

// Malformed cells are the caller's bad request: the store was edited by hand or is of another program.
template <typename Read>
auto read_cell(std::string_view text, Read read) {
  try {
    return read(Json::parse(text));
  } catch (const Json::exception& error) {
    throw invalid("malformed JSON in the store: {}: {}", error.what(), text.substr(0, 80));
  }
}

}  // namespace

std::string to_json(const std::vector<double>& values) { return array_text(values); }
std::string to_json(const std::vector<std::int32_t>& values) { return dump(values); }
std::string to_json(const std::vector<std::string>& values) { return dump(values); }
std::string to_json(const std::map<std::string, std::string>& values) { return dump(values); }
std::string to_json(const Bindings& bindings) { return dump(bindings); }
std::string to_json(const std::vector<Machine::Cache>& caches) { return array_text(caches); }
std::string to_json(const std::vector<Machine::Gpu>& gpus) { return array_text(gpus); }
std::string to_json(const std::vector<Measurement::Discarded>& discarded) {
  return array_text(discarded);
}
std::string to_json(const Attributes& attributes) { return dump(json_of(attributes)); }
std::string to_json(const Accepts& accepts) { return dump(json_of(accepts)); }
std::string to_json(const std::vector<OperandType>& operands) { return array_text(operands); }
std::string to_json(std::string_view text) { return dump(text); }

template <>
std::vector<double> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return array_of(json, double_of); });
}
template <>
std::vector<std::int32_t> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return json.get<std::vector<std::int32_t>>(); });
}
template <>
std::vector<std::string> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return json.get<std::vector<std::string>>(); });
}
template <>
std::map<std::string, std::string> from_json(std::string_view text) {
  return read_cell(
      text, [](const Json& json) { return json.get<std::map<std::string, std::string>>(); });
}
template <>
Bindings from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return json.get<Bindings>(); });
}
template <>
std::vector<Machine::Cache> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return array_of(json, cache_of); });
}
template <>
std::vector<Machine::Gpu> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return array_of(json, gpu_of); });
}
template <>
std::vector<Measurement::Discarded> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return array_of(json, discarded_of); });
}
template <>
Attributes from_json(std::string_view text) {
  return read_cell(text, attributes_of);
}
template <>
Accepts from_json(std::string_view text) {
  return read_cell(text, accepts_of);
}
template <>
std::vector<OperandType> from_json(std::string_view text) {
  return read_cell(text, [](const Json& json) { return array_of(json, operand_of); });
}

}  // namespace paceline::store
