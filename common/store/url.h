#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

namespace paceline::store {

struct SqliteUrl {
  std::filesystem::path file;
};

struct PostgresUrl {
  std::string connection;  // For libpq, with password.
  std::string shown;       // Without.
};

// "PATH", "sqlite:PATH", "postgresql://..." or "postgres://...". Throws `invalid` naming what is wrong.
std::variant<SqliteUrl, PostgresUrl> parse_store_url(std::string_view url);

}  // namespace paceline::store
