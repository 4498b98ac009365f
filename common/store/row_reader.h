#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "common/base/id.h"
#include "common/base/time.h"
#include "common/store/json_cell.h"
#include "common/store/table.h"

namespace paceline::store {

// Reads a row's cells from left to right. The row outlives it.
class RowReader {
 public:
  explicit RowReader(const SqlRow& row) : row_(row) {}

  std::string text() { return next<std::string>(); }
  std::int64_t integer() { return next<std::int64_t>(); }
  int small() { return static_cast<int>(integer()); }
  bool boolean() { return integer() != 0; }
  double real() { return next<double>(); }
  double real_or(double absent) { return skip_null() ? absent : real(); }
  int small_or(int absent) { return skip_null() ? absent : small(); }
  std::optional<double> optional_real() {
    return skip_null() ? std::nullopt : std::optional(real());
  }
  std::optional<std::int64_t> optional_integer() {
    return skip_null() ? std::nullopt : std::optional(integer());
  }
  Time time() { return from_unix_ns(integer()); }
  template <typename T>
  T json() {
    return from_json<T>(text());
  }
  template <typename AnyId>
  AnyId id() {
    const std::string digits = text();
    const auto id = AnyId::parse(digits);
    if (!id) throw invalid("malformed id in the store: {}", digits);
    return *id;
  }
  template <typename AnyId>
  std::optional<AnyId> optional_id() {
    return skip_null() ? std::nullopt : std::optional(id<AnyId>());
  }
  // A name that `parse` knows.
  template <typename T>
  T name(std::optional<T> (*parse)(std::string_view)) {
    const std::string word = text();
    const auto value = parse(word);
    if (!value) throw invalid("unknown name in the store, written by a newer program: {}", word);
    return *value;
  }

 private:
  template <typename T>
  const T& next() {
    check(place_ < row_.size() && std::holds_alternative<T>(row_[place_]), "cell of a known kind");
    return std::get<T>(row_[place_++]);
  }
  bool skip_null() {
    const bool null = std::holds_alternative<std::monostate>(row_.at(place_));
    if (null) ++place_;
    return null;
  }

  const SqlRow& row_;
  std::size_t place_ = 0;
};

}  // namespace paceline::store
