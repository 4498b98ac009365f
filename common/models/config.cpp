#include "common/models/config.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/error.h"
#include "common/models/json.h"

namespace paceline {

namespace {

using nlohmann::json;

Error wrong(const std::string& source, std::string_view key, std::string_view expected,
            const json& found) {
  return invalid("{}: {} must be {}: {}", source, key, expected, print(found));
}

// Integers may be written 64 or 64.0, as Python's writers do.
std::optional<std::int64_t> as_integer(const json& value) {
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const double number = value.get<double>();
  if (std::abs(number) > 1e15 || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace

Config::Config(std::shared_ptr<const json> object, std::string source)
    : object_(std::move(object)), source_(std::move(source)) {
  if (!object_->is_object()) {
    throw invalid("{}: must be a JSON object: {}", source_, print(*object_));
  }
}

Config Config::parse(std::string_view text, std::string source) {
  auto document = std::make_shared<const json>(parse_json(text, source));
  return Config(std::move(document), std::move(source));
}

const json* Config::find(std::string_view key) const {
  const auto it = object_->find(key);
  return it == object_->end() || it->is_null() ? nullptr : &*it;
}

bool Config::is_null(std::string_view key) const {
  const auto it = object_->find(key);
  return it != object_->end() && it->is_null();
}

const json& Config::get(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) throw invalid("{}: a key is missing: {}", source_, key);
  return *value;
}

std::int64_t Config::size(std::string_view key, std::int64_t most) const {
  const auto value = as_integer(get(key));
  if (!value || *value < 1 || *value > most) {
    throw wrong(source_, key, fmt::format("an integer from 1 to {}", most), get(key));
  }
  return *value;
}

std::int64_t Config::size_or(std::string_view key, std::int64_t absent, std::int64_t most) const {
  return has(key) ? size(key, most) : absent;
}

std::int64_t Config::count_or(std::string_view key, std::int64_t absent) const {
  if (!has(key)) return absent;
  const auto value = as_integer(get(key));
  if (!value || *value < 0) throw wrong(source_, key, "an integer from 0 on", get(key));
  return *value;
}

double Config::number(std::string_view key) const {
  const json& value = get(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    throw wrong(source_, key, "a number", value);
  }
  return value.get<double>();
}

double Config::number_or(std::string_view key, double absent) const {
  return has(key) ? number(key) : absent;
}

double Config::positive(std::string_view key) const {
  const double value = number(key);
  if (value <= 0) throw wrong(source_, key, "a number above 0", get(key));
  return value;
}

double Config::positive_or(std::string_view key, double absent) const {
  return has(key) ? positive(key) : absent;
}

bool Config::flag_or(std::string_view key, bool absent) const {
  if (!has(key)) return absent;
  const json& value = get(key);
  if (!value.is_boolean()) throw wrong(source_, key, "true or false", value);
  return value.get<bool>();
}

std::string Config::text(std::string_view key) const {
  const json& value = get(key);
  if (!value.is_string()) throw wrong(source_, key, "text", value);
  return value.get<std::string>();
}

std::string Config::text_or(std::string_view key, std::string_view absent) const {
  return has(key) ? text(key) : std::string(absent);
}

std::vector<const json*> Config::elements(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) return {value};
  std::vector<const json*> elements;
  for (const json& element : *value) elements.push_back(&element);
  return elements;
}

std::vector<std::int64_t> Config::integers(std::string_view key) const {
  std::vector<std::int64_t> values;
  for (const json* element : elements(key)) {
    const auto value = as_integer(*element);
    if (!value) throw wrong(source_, key, "integers", get(key));
    values.push_back(*value);
  }
  return values;
}

std::vector<double> Config::numbers(std::string_view key) const {
  std::vector<double> values;
  for (const json* element : elements(key)) {
    if (!element->is_number()) throw wrong(source_, key, "numbers", get(key));
    values.push_back(element->get<double>());
  }
  return values;
}

std::vector<std::string> Config::texts(std::string_view key) const {
  std::vector<std::string> values;
  for (const json* element : elements(key)) {
    if (!element->is_string()) throw wrong(source_, key, "a list of texts", get(key));
    values.push_back(element->get<std::string>());
  }
  return values;
}

std::optional<Config> Config::object(std::string_view key) const {
  const json* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) throw wrong(source_, key, "an object", *value);
  // Shares the document's lifetime.
  return Config(std::shared_ptr<const json>(object_, value), fmt::format("{}: {}", source_, key));
}

}  // namespace paceline
