#include "common/store/url.h"

#include <gmock/gmock.h>

#include "common/base/error.h"

namespace paceline::store {
namespace {

std::string shown(std::string_view url) {
  return std::get<PostgresUrl>(parse_store_url(url)).shown;
}

TEST(StoreUrl, TakesAFile) {
  EXPECT_EQ(std::get<SqliteUrl>(parse_store_url("a/b.sqlite")).file, "a/b.sqlite");
  EXPECT_EQ(std::get<SqliteUrl>(parse_store_url("sqlite:/x y.db")).file, "/x y.db");
}

TEST(StoreUrl, NeverShowsAPassword) {
  EXPECT_EQ(shown("postgresql://ann:secret@host:5432/times"), "postgresql://ann@host:5432/times");
  EXPECT_EQ(shown("postgres://ann:se:c@ret@host/times"), "postgresql://ann@host/times");
  EXPECT_EQ(shown("postgresql://host/times?sslmode=require&password=secret&user=ann"),
            "postgresql://host/times?sslmode=require&user=ann");
  EXPECT_EQ(shown("postgresql:///times?host=/run/sock"), "postgresql:///times?host=/run/sock");
  EXPECT_EQ(shown("postgresql://[::1]:5432/times"), "postgresql://[::1]:5432/times");
}

TEST(StoreUrl, KeepsThePasswordForTheServer) {
  const auto url = std::get<PostgresUrl>(parse_store_url("postgresql://ann:secret@host/times"));
  EXPECT_EQ(url.connection, "postgresql://ann:secret@host/times");
}

TEST(StoreUrl, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty"},
      {"sqlite:", "empty"},
      {"mysql://host/times", "unknown scheme"},
      {"postgresql:times", "lacks //"},
      {"postgresql://host", "names no database"},
      {"postgresql://host/", "names no database"},
      {"postgresql://host:0/times", "bad port"},
      {"postgresql://ann:secret@host:54x2/times", "54x2 in postgresql://ann@host"},
      {"postgresql://host:70000/times", "70000"},
  };
  for (const auto& [url, expected] : cases) {
    try {
      parse_store_url(url);
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::invalid);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(expected));
    }
  }
}

}  // namespace
}  // namespace paceline::store
