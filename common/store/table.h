#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace paceline::store {

// A cell on its way to or from a home; monostate is NULL. Booleans are 0 or 1.
using SqlValue = std::variant<std::monostate, std::int64_t, double, std::string>;
using SqlRow = std::vector<SqlValue>;

// How a cell travels. `json` holds JSON text here: a jsonb or array column in PostgreSQL, text in SQLite.
enum class ColumnKind { text, integer, real, boolean, json };

struct Column {
  std::string_view name;
  ColumnKind kind;
};

struct Table {
  std::string_view name;
  std::vector<Column> columns;
};

// `"id","name",...`
std::string column_list(const Table& table);

}  // namespace paceline::store
