#include "common/graph/attributes.h"

#include <array>

#include <fmt/ranges.h>

namespace paceline {
namespace {

constexpr std::array<std::string_view, 8> kind_names = {"boolean", "integer",  "real", "text",
                                                        "dtype",   "integers", "dim",  "shape"};

template <typename... Ts>
struct Overload : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overload(Ts...) -> Overload<Ts...>;  // Clang 14 does not deduce it.

// Shortest digits that read back, and never mistaken for an integer.
std::string real_to_string(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".einf") == text.npos) text += ".0";
  return text;
}

// `given` as the kind that an op declares, where that loses nothing.
std::optional<Attribute> converted(const Attribute& given, AttributeKind kind) {
  if (kind_of(given) == kind) return given;
  if (const auto* integer = std::get_if<std::int64_t>(&given)) {
    if (kind == AttributeKind::real) return static_cast<double>(*integer);
    if (kind == AttributeKind::dim) return Dim(*integer);
  }
  if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&given)) {
    if (kind == AttributeKind::shape) return Shape(integers->begin(), integers->end());
  }
  return std::nullopt;
}

std::string accepted(const std::vector<AttributeSpec>& specs) {
  if (specs.empty()) return "takes no attributes";
  std::vector<std::string> parts;
  for (const AttributeSpec& spec : specs) {
    parts.push_back(fmt::format("{} ({})", spec.name, to_string(spec.kind)));
  }
  return fmt::format("takes {}", fmt::join(parts, ", "));
}

const AttributeSpec* find_spec(const std::vector<AttributeSpec>& specs, std::string_view name) {
  for (const AttributeSpec& spec : specs) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

}  // namespace

AttributeKind kind_of(const Attribute& attribute) {
  return static_cast<AttributeKind>(attribute.index());
}

std::string_view to_string(AttributeKind kind) {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\r':
        result += "\\r";
        break;
      default:
        result += c;
    }
  }
  return result + "\"";
}

std::string to_string(const Attribute& attribute) {
  return std::visit(
      Overload{
          [](bool value) -> std::string { return value ? "true" : "false"; },
          [](std::int64_t value) { return fmt::format("{}", value); },
          [](double value) { return real_to_string(value); },
          [](const std::string& value) { return quoted(value); },
          [](Dtype value) { return std::string(to_string(value)); },
          [](const std::vector<std::int64_t>& value) { return to_string(Extents(value)); },
          [](const Dim& value) { return value.to_string(); },
          [](const Shape& value) { return to_string(value); },
      },
      attribute);
}

const Attribute* Attributes::find(std::string_view name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

Attributes Attributes::complete(std::string_view op,
                                const std::vector<AttributeSpec>& specs) const {
  for (const auto& [name, value] : values_) {
    if (!find_spec(specs, name)) {
      throw invalid("{} {}, not: {}={}", op, accepted(specs), name, to_string(value));
    }
  }
  Attributes completed;
  for (const AttributeSpec& spec : specs) {
    const Attribute* given = find(spec.name);
    if (given == nullptr) {
      if (!spec.default_value) throw invalid("{} {}, missing: {}", op, accepted(specs), spec.name);
      completed.set(spec.name, *spec.default_value);
      continue;
    }
    auto value = converted(*given, spec.kind);
    if (!value) {
      throw invalid("{} {}, mistyped: {}={}", op, accepted(specs), spec.name, to_string(*given));
    }
    completed.set(spec.name, *std::move(value));
  }
  return completed;
}

Attributes Attributes::bind(const Bindings& bindings) const {
  Attributes bound = *this;
  for (auto& [name, value] : bound.values_) {
    if (auto* dim = std::get_if<Dim>(&value)) *dim = dim->evaluate(bindings);
    if (auto* shape = std::get_if<Shape>(&value)) {
      for (Dim& extent : *shape) extent = extent.evaluate(bindings);
    }
  }
  return bound;
}

void Attributes::add_to(Hasher& hasher) const {
  hasher.add(values_.size());
  for (const auto& [name, value] : values_) {
    hasher.add(name).add(to_string(kind_of(value)));
    std::visit(Overload{
                   [&](bool v) { hasher.add(v); },
                   [&](std::int64_t v) { hasher.add(v); },
                   [&](double v) { hasher.add(v); },
                   // Everything else has one text for one value.
                   [&, &value = value](const auto&) { hasher.add(to_string(value)); },
               },
               value);
  }
}

}  // namespace paceline
