#include "common/store/table.h"

#include <fmt/core.h>

namespace paceline::store {

std::string column_list(const Table& table) {
  std::string list;
  for (const Column& column : table.columns) {
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", column.name);
  }
  return list;
}

}  // namespace paceline::store
