#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>

#include "common/store/postgres_database.h"
#include "common/store/sqlite_database.h"
#include "common/store/store.h"
#include "common/store/url.h"
#include "tests/support/fresh_postgres.h"

namespace paceline::testing {

inline std::string fresh_sqlite_url() {
  static const ScratchFolder folder;
  static int count = 0;
  return (folder.path() / fmt::format("store_{}.sqlite", ++count)).string();
}

inline std::unique_ptr<store::Database> open_database(const std::string& url) {
  const auto place = store::parse_store_url(url);
  if (const auto* file = std::get_if<store::SqliteUrl>(&place)) {
    return store::open_sqlite(file->file, false);
  }
  return store::open_postgres(std::get<store::PostgresUrl>(place));
}

// SQL behind the store's back.
inline void run_sql(const std::string& url, const std::string& sql) {
  const auto database = open_database(url);
  database->write([&] { database->run_script(sql); });
}

// Runs on both homes, each test with an empty store.
class OnBothHomes : public ::testing::TestWithParam<const char*> {
 protected:
  static std::string fresh_url(std::string_view home) {
    return home == "sqlite" ? fresh_sqlite_url() : fresh_postgres_url();
  }
  std::string fresh_url() const { return fresh_url(GetParam()); }
  bool is_sqlite() const { return std::string_view(GetParam()) == "sqlite"; }

  const std::string url_ = is_sqlite() ? fresh_sqlite_url() : fresh_postgres_store_url();
  const std::unique_ptr<Store> store_ = open_store(url_);
};

#define PACELINE_ON_BOTH_HOMES(suite)                                                          \
  INSTANTIATE_TEST_SUITE_P(Store, suite, ::testing::Values("sqlite", "postgresql"),            \
                           [](const auto& info) { return std::string(info.param); })

}  // namespace paceline::testing
