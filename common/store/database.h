#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "common/store/store.h"
#include "common/store/table.h"

namespace paceline::store {

// One connection to one home: what SQLite and PostgreSQL differ in. Statements are in the SQL that both
// read, with parameters $1, $2, ... One thread at a time. Failures are `unavailable`, rows that
// contradict the schema (a foreign key that is not there) and bad SQL of a user `invalid`.
class Database {
 public:
  virtual ~Database() = default;

  virtual std::string_view home() const = 0;  // As EmbeddedStep::home.
  virtual std::string url() const = 0;        // Without password.

  // Runs `work` in a transaction, rolled back when it throws. Everything below except query() is
  // called inside one.
  virtual void write(const std::function<void()>& work) = 0;
  virtual void read(const std::function<void()>& work) = 0;  // Sees one snapshot throughout.

  // Adds rows and skips those whose key is known. Returns how many were new.
  virtual std::int64_t insert(const Table& table, std::span<const SqlRow> rows) = 0;
  // Returns how many rows were changed.
  virtual std::int64_t execute(std::string_view sql, std::span<const SqlValue> parameters) = 0;
  virtual std::vector<SqlRow> select(std::string_view sql, std::span<const SqlValue> parameters,
                                     std::span<const Column> columns) = 0;
  virtual void run_script(std::string_view sql) = 0;

  virtual bool has_table(std::string_view name) = 0;
  // No other process changes the schema until this writing transaction ends.
  virtual void lock_schema() = 0;
  // What a home does beside its steps whenever it is initialised.
  virtual void prepare_storage() = 0;

  // The select list that yields `table`'s cells as they travel.
  virtual std::string select_list(const Table& table) const = 0;
  // A subquery over the texts of the JSON array in `parameter`.
  virtual std::string elements_of(std::string_view parameter) const = 0;

  // One statement that cannot write, in a transaction of its own.
  virtual QueryTable query(std::string_view sql) = 0;
};

}  // namespace paceline::store
