#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paceline {

// A JSON object of settings with typed access: a model's config.json or an object in it. A key
// whose value is null counts as absent. What is missing, of another type or out of range throws
// `invalid` with the file, the key and its value. A value; copies share the document.
class Config {
 public:
  // `source` names the document in messages.
  static Config parse(std::string_view text, std::string source);

  const std::string& source() const { return source_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  bool is_null(std::string_view key) const;  // Written as null, not left out.

  // An integer from 1 to `most`.
  std::int64_t size(std::string_view key, std::int64_t most = size_max) const;
  std::int64_t size_or(std::string_view key, std::int64_t absent,
                       std::int64_t most = size_max) const;
  std::int64_t count_or(std::string_view key, std::int64_t absent) const;  // From 0 on.
  double number(std::string_view key) const;                               // Finite.
  double number_or(std::string_view key, double absent) const;
  double positive(std::string_view key) const;
  double positive_or(std::string_view key, double absent) const;
  bool flag_or(std::string_view key, bool absent) const;
  std::string text(std::string_view key) const;
  std::string text_or(std::string_view key, std::string_view absent) const;
  // Lists; a single value counts as a list of one, an absent key as an empty list.
  std::vector<std::int64_t> integers(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::optional<Config> object(std::string_view key) const;

  static constexpr std::int64_t size_max = std::numeric_limits<std::int32_t>::max();

 private:
  Config(std::shared_ptr<const nlohmann::json> object, std::string source);
  const nlohmann::json* find(std::string_view key) const;
  const nlohmann::json& get(std::string_view key) const;
  // The elements under `key`: its own, or the value itself.
  std::vector<const nlohmann::json*> elements(std::string_view key) const;

  std::shared_ptr<const nlohmann::json> object_;
  std::string source_;
};

}  // namespace paceline
