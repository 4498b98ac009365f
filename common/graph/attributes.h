#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/graph/dim.h"
#include "common/graph/dtype.h"
#include "common/graph/shape.h"

namespace paceline {

// Kinds are part of a graph's identity and text: true, 3, 1.5, "max", f32, [0,2,1], N+1, [B,N].
// An integer attribute that may be symbolic is declared as `dim`, a list of them as `shape`.
enum class AttributeKind { boolean, integer, real, text, dtype, integers, dim, shape };
using Attribute = std::variant<bool, std::int64_t, double, std::string, Dtype,
                               std::vector<std::int64_t>, Dim, Shape>;

AttributeKind kind_of(const Attribute& attribute);
std::string_view to_string(AttributeKind kind);
std::string to_string(const Attribute& attribute);
// In double quotes, with \" \\ \n \t \r escaped: how text stands in graphs and workloads.
std::string quoted(std::string_view text);

// Declared by an op. Without a default the attribute must be given.
struct AttributeSpec {
  std::string name;
  AttributeKind kind;
  std::optional<Attribute> default_value;
};

// The attributes of one node: complete (defaults filled in) once a graph holds them.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> values)
      : values_(values) {}

  // Throws `internal` when missing or of another kind: validated nodes always have their own.
  template <typename T>
  const T& get(std::string_view name) const;
  const Attribute* find(std::string_view name) const;
  void set(std::string name, Attribute value) { values_[std::move(name)] = std::move(value); }

  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  bool empty() const { return values_.empty(); }
  friend bool operator==(const Attributes&, const Attributes&) = default;

  // Fills in defaults and converts an integer given for a real or a dim, or integers given for a
  // shape. Throws `invalid` naming an
  // unknown, missing or mistyped attribute and what `op` accepts.
  Attributes complete(std::string_view op, const std::vector<AttributeSpec>& specs) const;
  // Dims and shapes as constants.
  Attributes bind(const Bindings& bindings) const;
  void add_to(Hasher& hasher) const;

 private:
  std::map<std::string, Attribute, std::less<>> values_;
};

template <typename T>
const T& Attributes::get(std::string_view name) const {
  const Attribute* attribute = find(name);
  check(attribute != nullptr && std::holds_alternative<T>(*attribute), name);
  return std::get<T>(*attribute);
}

}  // namespace paceline
