#include "common/models/onnx/symbols.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "common/base/error.h"

namespace paceline::onnx {

namespace {

bool is_word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::string as_word(const std::string& name) {
  std::string word = name;
  for (char& c : word) c = is_word_character(c) ? c : '_';
  const bool starts_well = !word.empty() && !std::isdigit(static_cast<unsigned char>(word.front()));
  return starts_well ? word : "_" + word;
}

}  // namespace

Dim Symbols::extent(const std::string& name, const std::string& otherwise) {
  const bool is_nameless = name.empty() || std::none_of(name.begin(), name.end(), [](char c) {
                             return std::isalnum(static_cast<unsigned char>(c));
                           });
  if (is_nameless) return symbol(otherwise);
  if (name.find_first_of("+*") != std::string::npos) {
    try {
      return Dim::parse(name);
    } catch (const Error&) {
      // A formula that is no polynomial is a name like others.
    }
  }
  return symbol(name);
}

Dim Symbols::symbol(const std::string& name) {
  if (const auto known = known_.find(name); known != known_.end()) return known->second;
  const std::string word = as_word(name);
  std::string unique = word;
  for (int copy = 2; !taken_.insert(unique).second; ++copy) {
    unique = fmt::format("{}_{}", word, copy);
  }
  return known_.emplace(name, Dim::symbol(unique)).first->second;
}

}  // namespace paceline::onnx
