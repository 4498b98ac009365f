#pragma once

#include <string>
#include <vector>

#include "common/graph/dim.h"
#include "common/store/table.h"
#include "scheduler/fleet/campaign.h"

// Cells of the fleet's tables. Reading throws `internal` for what writing does not write.
namespace paceline::fleet {

using store::SqlRow;
using store::SqlValue;

std::string to_json(const std::vector<Sitting>& sittings);
std::vector<Sitting> sittings_of(const std::string& json);
std::string to_json(const std::vector<std::string>& texts);
std::vector<std::string> texts_of(const std::string& json);
std::string to_json(const std::vector<Bindings>& bindings);
std::vector<Bindings> bindings_of(const std::string& json);
std::string to_json(const std::vector<std::int32_t>& numbers);
std::vector<std::int32_t> numbers_of(const std::string& json);
std::string to_json(const std::vector<Regime>& regimes);
std::vector<Regime> regimes_of(const std::string& json);

std::string to_json(const Bindings& bindings);
Bindings one_bindings_of(const std::string& json);
std::string to_json(const std::vector<Contender>& contenders);
std::vector<Contender> contenders_of(const std::string& json);
// Without unit, state and round, which have columns of their own.
std::string to_json(const Race& race);
Race race_of(const std::string& json);

template <typename Tag>
SqlValue cell(const Id<Tag>& id) {
  return id.to_string();
}
template <typename Id>
Id id_of(const SqlValue& value) {
  const auto id = Id::parse(std::get<std::string>(value));
  check(id.has_value(), "an id as it was written");
  return *id;
}

// Reads a row's cells one after the other.
class Cells {
 public:
  explicit Cells(const SqlRow& row) : next_(row.begin()) {}

  template <typename Id>
  Id id() {
    return id_of<Id>(*next_++);
  }
  std::string text() { return std::get<std::string>(*next_++); }
  std::int64_t integer() { return std::get<std::int64_t>(*next_++); }
  double real() { return std::get<double>(*next_++); }
  bool boolean() { return integer() != 0; }
  std::optional<std::int64_t> optional_integer() {
    const SqlValue& value = *next_++;
    if (std::holds_alternative<std::monostate>(value)) return std::nullopt;
    return std::get<std::int64_t>(value);
  }

 private:
  SqlRow::const_iterator next_;
};

}  // namespace paceline::fleet
