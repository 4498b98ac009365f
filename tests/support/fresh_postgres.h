#pragma once

#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <pqxx/pqxx>
#include <string>

#include "common/store/private_postgres.h"

namespace paceline::testing {

// A folder of this process, under /tmp so that the user `postgres` reaches it, removed at its end.
class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/paceline-test-XXXXXX";
    path_ = ::mkdtemp(name);
    std::filesystem::permissions(path_, std::filesystem::perms(0755));
  }
  ~ScratchFolder() { std::filesystem::remove_all(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The URL of a new, empty database on a server that all tests of this process share. For the main
// thread: the server ends with the thread that starts it.
inline std::string fresh_postgres_url() {
  static const ScratchFolder folder;
  static const PrivatePostgres server =
      PrivatePostgres::start(folder.path() / "server", {.is_durable = false});
  static int count = 0;
  const std::string name = fmt::format("test_{}", ++count);
  pqxx::connection connection(server.url());
  pqxx::nontransaction(connection).exec("create database " + name);
  std::string url = server.url();
  return url.replace(url.find("/paceline?"), std::string("/paceline?").size(), "/" + name + "?");
}

}  // namespace paceline::testing
