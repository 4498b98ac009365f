#include "common/store/sqlite_database.h"

#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "common/base/error.h"
#include "common/base/time.h"
#include "common/base/unique_handle.h"

namespace paceline::store {
namespace {

constexpr int busy_timeout_ms = 10'000;

using Connection = UniqueHandle<sqlite3*, sqlite3_close_v2>;
using Statement = UniqueHandle<sqlite3_stmt*, sqlite3_finalize>;

// Lets a statement compute and read, nothing else: no write, pragma, attachment or transaction.
int permit_reading(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

class SqliteDatabase : public Database {
 public:
  SqliteDatabase(const std::filesystem::path& file, bool must_exist) : file_(file.string()) {
    const int flags = SQLITE_OPEN_READWRITE | (must_exist ? 0 : SQLITE_OPEN_CREATE);
    const int status = sqlite3_open_v2(file_.c_str(), connection_.out(), flags, nullptr);
    if (status == SQLITE_CANTOPEN && must_exist && !std::filesystem::exists(file)) {
      throw unavailable("no such store, run `paceline store init` or give another --store: {}",
                        file_);
    }
    require(status);
    sqlite3_extended_result_codes(connection_.get(), 1);
    sqlite3_busy_timeout(connection_.get(), busy_timeout_ms);
    enter_wal();
    run_script("pragma synchronous = full; pragma foreign_keys = on");
  }

  std::string_view home() const override { return "sqlite"; }
  std::string url() const override { return "sqlite:" + file_; }

  void write(const std::function<void()>& work) override { run("begin immediate", work); }
  void read(const std::function<void()>& work) override { run("begin", work); }

  std::int64_t insert(const Table& table, std::span<const SqlRow> rows) override {
    std::string places;
    for (std::size_t i = 1; i <= table.columns.size(); ++i) {
      places += (i == 1 ? "$" : ",$") + std::to_string(i);
    }
    const Statement statement =
        prepare("insert into \"" + std::string(table.name) + "\" (" + column_list(table) +
                ") values (" + places + ") on conflict do nothing");
    std::int64_t added = 0;
    for (const SqlRow& row : rows) {
      bind(statement, row);
      step(statement);
      added += sqlite3_changes(connection_.get());
      require(sqlite3_reset(statement.get()));
    }
    return added;
  }

  std::int64_t execute(std::string_view sql, std::span<const SqlValue> parameters) override {
    const Statement statement = prepare(sql);
    bind(statement, parameters);
    while (step(statement)) {
    }
    return sqlite3_changes(connection_.get());
  }

  std::vector<SqlRow> select(std::string_view sql, std::span<const SqlValue> parameters,
                             std::span<const Column> columns) override {
    const Statement statement = prepare(sql);
    bind(statement, parameters);
    std::vector<SqlRow> rows;
    while (step(statement)) {
      SqlRow& row = rows.emplace_back();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        row.push_back(cell(statement, static_cast<int>(i), columns[i].kind));
      }
    }
    return rows;
  }

  void run_script(std::string_view sql) override {
    require(sqlite3_exec(connection_.get(), std::string(sql).c_str(), nullptr, nullptr, nullptr));
  }

  bool has_table(std::string_view name) override {
    const Statement statement = prepare("select 1 from sqlite_master where name = $1");
    const std::vector<SqlValue> parameters = {std::string(name)};
    bind(statement, parameters);
    return step(statement);
  }

  void lock_schema() override {}  // A writing transaction is alone.
  void prepare_storage() override {}

  std::string select_list(const Table& table) const override { return column_list(table); }
  std::string elements_of(std::string_view parameter) const override {
    return "select value from json_each(" + std::string(parameter) + ")";
  }

  QueryTable query(std::string_view sql) override {
    sqlite3_set_authorizer(connection_.get(), permit_reading, nullptr);
    struct Lift {
      sqlite3* connection;
      ~Lift() { sqlite3_set_authorizer(connection, nullptr, nullptr); }
    } lift{connection_.get()};
    return read_table(prepare_query(sql));
  }

 private:
  // The first of many openers changes the file's mode, and the others are told that it is busy at
  // once: SQLite does not wait for a lock that it has to upgrade.
  void enter_wal() {
    const std::int64_t until_ns = monotonic_ns() + std::int64_t{busy_timeout_ms} * 1'000'000;
    while (true) {
      const int status =
          sqlite3_exec(connection_.get(), "pragma journal_mode = wal", nullptr, nullptr, nullptr);
      if ((status & 0xff) != SQLITE_BUSY || monotonic_ns() > until_ns) return require(status);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  void run(const char* begin, const std::function<void()>& work) {
    run_script(begin);
    try {
      work();
      run_script("commit");
    } catch (...) {
      // Fails when the error has rolled back already.
      sqlite3_exec(connection_.get(), "rollback", nullptr, nullptr, nullptr);
      throw;
    }
  }

  Statement prepare(std::string_view sql, const char** rest = nullptr) {
    Statement statement;
    require(sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                               statement.out(), rest));
    return statement;
  }

  Statement prepare_query(std::string_view sql) {
    const char* rest = nullptr;
    Statement statement;
    const int status = sqlite3_prepare_v2(connection_.get(), sql.data(),
                                          static_cast<int>(sql.size()), statement.out(), &rest);
    if (status != SQLITE_OK) throw query_failed();
    if (!statement) throw invalid("query is empty, give one read-only statement");
    if (!sqlite3_stmt_readonly(statement.get())) {
      throw invalid("query writes, give one read-only statement: {}", sql);
    }
    const std::string_view tail = sql.substr(rest - sql.data());
    if (tail.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      throw invalid("query has more than one statement: {}", tail);
    }
    return statement;
  }

  Error query_failed() const {
    return invalid("query failed, give one read-only statement: {}",
                   sqlite3_errmsg(connection_.get()));
  }

  QueryTable read_table(const Statement& statement) {
    QueryTable table;
    const int count = sqlite3_column_count(statement.get());
    for (int i = 0; i < count; ++i)
      table.columns.push_back(sqlite3_column_name(statement.get(), i));
    table.is_number.assign(count, true);
    int status = SQLITE_OK;
    while ((status = sqlite3_step(statement.get())) == SQLITE_ROW) {
      auto& row = table.rows.emplace_back();
      for (int i = 0; i < count; ++i) {
        const int type = sqlite3_column_type(statement.get(), i);
        if (type == SQLITE_TEXT || type == SQLITE_BLOB) table.is_number[i] = false;
        row.push_back(text(statement, i));
      }
    }
    if (status != SQLITE_DONE) throw query_failed();
    return table;
  }

  void bind(const Statement& statement, std::span<const SqlValue> values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::string name = "$" + std::to_string(i + 1);
      const int place = sqlite3_bind_parameter_index(statement.get(), name.c_str());
      check(place > 0, "statement has the parameter");
      require(bind_one(statement.get(), place, values[i]));
    }
  }

  // Texts are borrowed: the statement is stepped before they go.
  static int bind_one(sqlite3_stmt* statement, int place, const SqlValue& value) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      return sqlite3_bind_int64(statement, place, *number);
    }
    if (const auto* real = std::get_if<double>(&value)) {
      return sqlite3_bind_double(statement, place, *real);
    }
    if (const auto* text = std::get_if<std::string>(&value)) {
      return sqlite3_bind_text(statement, place, text->data(), static_cast<int>(text->size()),
                               SQLITE_STATIC);
    }
    return sqlite3_bind_null(statement, place);
  }

  bool step(const Statement& statement) {
    const int status = sqlite3_step(statement.get());
    if (status == SQLITE_ROW) return true;
    if (status != SQLITE_DONE) require(status);
    return false;
  }

  static std::string text(const Statement& statement, int place) {
    const auto* bytes = sqlite3_column_text(statement.get(), place);
    if (bytes == nullptr) return {};
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(sqlite3_column_bytes(statement.get(), place))};
  }

  static SqlValue cell(const Statement& statement, int place, ColumnKind kind) {
    if (sqlite3_column_type(statement.get(), place) == SQLITE_NULL) return {};
    switch (kind) {
      case ColumnKind::integer:
      case ColumnKind::boolean:
        return sqlite3_column_int64(statement.get(), place);
      case ColumnKind::real:
        return sqlite3_column_double(statement.get(), place);
      case ColumnKind::text:
      case ColumnKind::json:
        break;
    }
    return text(statement, place);
  }

  void require(int status) const {
    if (status == SQLITE_OK) return;
    const char* message = connection_ ? sqlite3_errmsg(connection_.get()) : sqlite3_errstr(status);
    switch (status & 0xff) {
      case SQLITE_BUSY:
      case SQLITE_LOCKED:
        throw unavailable("store is held by another process, try again: {}", file_);
      case SQLITE_NOTADB:
      case SQLITE_CORRUPT:
        throw invalid("not a store, or a damaged one, give another --store: {}: {}", message,
                      file_);
      case SQLITE_CONSTRAINT:
        throw invalid(
            "store refuses a row, are its machine, environment, kernel and workload "
            "stored? {}: {}",
            message, file_);
      default:
        throw unavailable("store failed, check its folder, space and permissions: {}: {}", message,
                          file_);
    }
  }

  std::string file_;
  Connection connection_;
};

}  // namespace

std::unique_ptr<Database> open_sqlite(const std::filesystem::path& file, bool must_exist) {
  return std::make_unique<SqliteDatabase>(file, must_exist);
}

}  // namespace paceline::store
