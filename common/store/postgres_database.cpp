#include "common/store/postgres_database.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <pqxx/pqxx>

#include "common/base/error.h"
#include "common/store/json_cell.h"

namespace paceline::store {
namespace {

constexpr int connect_timeout_s = 5;
constexpr int partitions_ahead = 12;
// Any number that nobody else uses: "paceline" in ASCII.
constexpr std::int64_t schema_lock = 0x706163656c696e65;
// A statement's rows travel as one JSON parameter of at most about this size.
constexpr std::size_t chunk_bytes_max = 4 << 20;

// The first line: libpq adds hints and positions below it.
std::string first_line(const char* message) {
  const std::string_view text = message;
  return std::string(text.substr(0, text.find('\n')));
}

// Parameters as libpq takes them: texts, or null.
class Parameters {
 public:
  explicit Parameters(std::span<const SqlValue> values) {
    texts_.reserve(values.size());
    for (const SqlValue& value : values) add(value);
  }
  auto dynamic() const {
    return pqxx::prepare::make_dynamic_params(pointers_.begin(), pointers_.end());
  }

 private:
  void add(const SqlValue& value) {
    if (std::holds_alternative<std::monostate>(value)) return pointers_.push_back(nullptr);
    if (const auto* text = std::get_if<std::string>(&value)) {
      texts_.push_back(*text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      texts_.push_back(fmt::format("{}", *number));
    } else {
      texts_.push_back(fmt::format("{}", std::get<double>(value)));
    }
    pointers_.push_back(texts_.back().c_str());
  }

  std::vector<std::string> texts_;
  std::vector<const char*> pointers_;
};

// PostgreSQL's text cannot hold NUL.
std::string without_nul(std::string text) {
  std::erase(text, '\0');
  return text;
}

std::string json_number(double value) {
  if (std::isfinite(value)) return fmt::format("{}", value);
  return std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

std::string json_of(const SqlValue& value, ColumnKind kind) {
  if (std::holds_alternative<std::monostate>(value)) return "null";
  if (const auto* real = std::get_if<double>(&value)) return json_number(*real);
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    return kind == ColumnKind::boolean ? (*number != 0 ? "true" : "false")
                                       : fmt::format("{}", *number);
  }
  const std::string& text = std::get<std::string>(value);
  return kind == ColumnKind::json ? text : to_json(without_nul(text));
}

std::string json_of(const Table& table, const SqlRow& row) {
  std::string json;
  for (std::size_t i = 0; i < row.size(); ++i) {
    json += fmt::format("{}\"{}\":{}", i == 0 ? "{" : ",", table.columns[i].name,
                        json_of(row[i], table.columns[i].kind));
  }
  return json + "}";
}

SqlValue cell(const pqxx::field& field, ColumnKind kind) {
  if (field.is_null()) return {};
  switch (kind) {
    case ColumnKind::integer:
      return std::int64_t{std::strtoll(field.c_str(), nullptr, 10)};
    case ColumnKind::boolean:
      return std::int64_t{field.c_str()[0] == 't'};
    case ColumnKind::real:
      return std::strtod(field.c_str(), nullptr);
    case ColumnKind::text:
    case ColumnKind::json:
      break;
  }
  return std::string(field.c_str(), field.size());
}

// By pg_type: int8, int2, int4, oid, float4, float8, numeric. They never change.
bool is_number(pqxx::oid type) {
  constexpr pqxx::oid numbers[] = {20, 21, 23, 26, 700, 701, 1700};
  return std::ranges::find(numbers, type) != std::end(numbers);
}

class PostgresDatabase : public Database {
 public:
  explicit PostgresDatabase(const PostgresUrl& url) : url_(url) { connection(); }

  std::string_view home() const override { return "postgresql"; }
  std::string url() const override { return url_.shown; }

  void write(const std::function<void()>& work) override { run("", work); }
  void read(const std::function<void()>& work) override {
    run("set transaction isolation level repeatable read, read only", work);
  }

  std::int64_t insert(const Table& table, std::span<const SqlRow> rows) override {
    std::int64_t added = 0;
    std::string chunk;
    for (const SqlRow& row : rows) {
      chunk += (chunk.empty() ? '[' : ',') + json_of(table, row);
      if (chunk.size() > chunk_bytes_max) added += insert_chunk(table, std::exchange(chunk, ""));
    }
    if (!chunk.empty()) added += insert_chunk(table, std::move(chunk));
    return added;
  }

  std::int64_t execute(std::string_view sql, std::span<const SqlValue> parameters) override {
    return static_cast<std::int64_t>(run_statement(sql, parameters).affected_rows());
  }

  std::vector<SqlRow> select(std::string_view sql, std::span<const SqlValue> parameters,
                             std::span<const Column> columns) override {
    std::vector<SqlRow> rows;
    for (const auto& found : run_statement(sql, parameters)) {
      SqlRow& row = rows.emplace_back();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        row.push_back(cell(found[static_cast<int>(i)], columns[i].kind));
      }
    }
    return rows;
  }

  void run_script(std::string_view sql) override { transaction().exec(std::string(sql)); }

  bool has_table(std::string_view name) override {
    const std::vector<SqlValue> parameters = {std::string(name)};
    return !run_statement("select to_regclass($1)", parameters)[0][0].is_null();
  }

  void lock_schema() override {
    transaction().exec(fmt::format("select pg_advisory_xact_lock({})", schema_lock));
  }

  void prepare_storage() override {
    lock_schema();
    transaction().exec(fmt::format("select make_measurement_partitions({})", partitions_ahead));
  }

  std::string select_list(const Table& table) const override {
    std::string list;
    for (const auto& [name, kind] : table.columns) {
      list += list.empty() ? "" : ",";
      list += kind == ColumnKind::json ? fmt::format("to_json(\"{}\")::text", name)
                                       : fmt::format("\"{}\"", name);
    }
    return list;
  }

  std::string elements_of(std::string_view parameter) const override {
    return fmt::format("select json_array_elements_text({}::json)", parameter);
  }

  QueryTable query(std::string_view sql) override {
    QueryTable table;
    read([&] {
      // A cursor takes nothing but one SELECT or VALUES, and the transaction is read-only.
      try {
        run_statement(fmt::format("declare asked no scroll cursor for {}", sql), {});
        table = table_of(transaction().exec("fetch all from asked"));
      } catch (const pqxx::sql_error& error) {
        throw invalid("query failed, give one read-only SELECT: {}", first_line(error.what()));
      }
    });
    return table;
  }

 private:
  // Statements with parameters (none, too) are parsed alone: "a; b" is an error.
  pqxx::result run_statement(std::string_view sql, std::span<const SqlValue> parameters) {
    return transaction().exec_params(std::string(sql), Parameters(parameters).dynamic());
  }

  std::int64_t insert_chunk(const Table& table, std::string rows) {
    const std::string columns = column_list(table);
    const std::vector<SqlValue> parameters = {std::move(rows) + ']'};
    // The row type by a row that is not there: null::"path" would be the geometric type.
    return execute(
        fmt::format("insert into \"{0}\" ({1}) select {1} from json_populate_recordset("
                    "(select row from \"{0}\" row limit 0), $1::json) on conflict do nothing",
                    table.name, columns),
        parameters);
  }

  static QueryTable table_of(const pqxx::result& result) {
    QueryTable table;
    for (int i = 0; i < static_cast<int>(result.columns()); ++i) {
      table.columns.emplace_back(result.column_name(i));
      table.is_number.push_back(is_number(result.column_type(i)));
    }
    for (const auto& found : result) {
      auto& row = table.rows.emplace_back();
      for (const auto& field : found) row.emplace_back(field.c_str(), field.size());
    }
    return table;
  }

  // Errors of the library end here.
  void run(const char* mode, const std::function<void()>& work) {
    try {
      pqxx::work transaction(connection());
      transaction_ = &transaction;
      struct Clear {
        pqxx::work*& pointer;
        ~Clear() { pointer = nullptr; }
      } clear{transaction_};
      if (*mode != '\0') transaction.exec(mode);
      work();
      transaction.commit();
    } catch (const pqxx::broken_connection& error) {
      connection_.reset();
      throw unreachable(error);
    } catch (const pqxx::integrity_constraint_violation& error) {
      throw invalid("store refuses a row, are its machine, environment, kernel and workload stored? "
                    "{}: {}", first_line(error.what()), url());
    } catch (const pqxx::failure& error) {
      throw unavailable("store failed: {}: {}", first_line(error.what()), url());
    }
  }

  pqxx::work& transaction() {
    check(transaction_ != nullptr, "inside a transaction");
    return *transaction_;
  }

  pqxx::connection& connection() {
    if (connection_) return *connection_;
    try {
      connection_ = std::make_unique<pqxx::connection>(with_defaults(url_.connection));
      pqxx::nontransaction(*connection_).exec("set client_min_messages = error");
    } catch (const pqxx::failure& error) {
      connection_.reset();
      throw unreachable(error);
    }
    return *connection_;
  }

  static std::string with_defaults(std::string url) {
    if (url.find("connect_timeout=") != std::string::npos) return url;
    url += url.find('?') == std::string::npos ? '?' : '&';
    return url + fmt::format("connect_timeout={}", connect_timeout_s);
  }

  Error unreachable(const std::exception& error) const {
    return unavailable("cannot reach the store, is its server running and the URL right? {}: {}",
                       first_line(error.what()), url());
  }

  PostgresUrl url_;
  std::unique_ptr<pqxx::connection> connection_;
  pqxx::work* transaction_ = nullptr;
};

}  // namespace

std::unique_ptr<Database> open_postgres(const PostgresUrl& url) {
  return std::make_unique<PostgresDatabase>(url);
}

}  // namespace paceline::store
