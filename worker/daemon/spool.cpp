#include "worker/daemon/spool.h"

#include <sqlite3.h>

#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/unique_handle.h"
#include "common/wire/codec.h"

namespace paceline {

namespace {

using Connection = UniqueHandle<sqlite3*, sqlite3_close>;
using Statement = UniqueHandle<sqlite3_stmt*, sqlite3_finalize>;

std::string key_of(const TaskId& task, const LeaseId& lease, std::uint32_t block) {
  return fmt::format("{}/{}/{}", task.to_string(), lease.to_string(), block);
}

}  // namespace

struct Spool::Impl {
  std::filesystem::path file;
  Connection connection;

  void check_status(int status) const {
    if (status == SQLITE_OK || status == SQLITE_DONE || status == SQLITE_ROW) return;
    throw unavailable("worker's spool fails, is it another worker's or the disk full? {}: {}",
                      sqlite3_errmsg(connection.get()), file.string());
  }

  void run(const char* sql) const {
    check_status(sqlite3_exec(connection.get(), sql, nullptr, nullptr, nullptr));
  }

  Statement prepare(const char* sql) const {
    Statement statement;
    check_status(sqlite3_prepare_v2(connection.get(), sql, -1, statement.out(), nullptr));
    return statement;
  }

  void bind_text(const Statement& statement, int at, const std::string& text) const {
    check_status(sqlite3_bind_text(statement.get(), at, text.data(), static_cast<int>(text.size()),
                                   SQLITE_TRANSIENT));
  }
};

Spool::Spool(const std::filesystem::path& file) : impl_(std::make_unique<Impl>()) {
  impl_->file = file;
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  impl_->check_status(sqlite3_open(file.c_str(), impl_->connection.out()));
  impl_->run("pragma locking_mode = exclusive");
  impl_->run("pragma journal_mode = wal");
  impl_->run("pragma synchronous = full");
  impl_->run(
      "create table if not exists result (position integer primary key, "
      "key text not null unique, message blob not null)");
}

Spool::~Spool() = default;

void Spool::keep(const wire::Result& result) {
  const Statement insert =
      impl_->prepare("insert or ignore into result (key, message) values (?1, ?2)");
  const std::string bytes = wire::encode(result);
  impl_->bind_text(insert, 1, key_of(result.task, result.lease, result.block));
  impl_->check_status(
      sqlite3_bind_blob64(insert.get(), 2, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
  impl_->check_status(sqlite3_step(insert.get()));
}

void Spool::forget(const wire::Ack& ack) {
  const Statement erase = impl_->prepare("delete from result where key = ?1");
  impl_->bind_text(erase, 1, key_of(ack.task, ack.lease, ack.block));
  impl_->check_status(sqlite3_step(erase.get()));
}

std::vector<wire::Result> Spool::results() {
  const Statement select = impl_->prepare("select message from result order by position");
  std::vector<wire::Result> results;
  int status;
  while ((status = sqlite3_step(select.get())) == SQLITE_ROW) {
    const auto* bytes = static_cast<const std::byte*>(sqlite3_column_blob(select.get(), 0));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(select.get(), 0));
    results.push_back(std::get<wire::Result>(wire::decode(std::span(bytes, size))));
  }
  impl_->check_status(status);
  return results;
}

}  // namespace paceline
