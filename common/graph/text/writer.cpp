#include "common/graph/text/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace paceline {

namespace {

constexpr std::array<std::string_view, 8> keywords = {"input",  "weight", "state", "constant",
                                                      "output", "update", "slot",  "prepared"};

bool is_identifier(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0]))) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string name_text(std::string_view name) {
  const bool is_keyword = std::find(keywords.begin(), keywords.end(), name) != keywords.end();
  return is_identifier(name) && !is_keyword ? std::string(name) : quoted(name);
}

std::string type_text(const TensorType& type) {
  std::string text(to_string(type.dtype));
  text += to_string(type.shape);
  const Layout& layout = type.layout;
  if (!layout.order.empty()) text += fmt::format("{{{}}}", fmt::join(layout.order, ","));
  if (!layout.packing.empty()) text += "@" + quoted(layout.packing);
  return text;
}

std::string attributes_text(const Attributes& attributes) {
  std::string text;
  for (const auto& [name, value] : attributes) {
    text.append(", ").append(name).append("=").append(to_string(value));
  }
  return text;
}

}  // namespace paceline
