#pragma once

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <pqxx/pqxx>
#include <string>

#include "common/store/private_postgres.h"
#include "common/store/store.h"

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

// A server that all tests of this process share. First called by the main thread: the server ends with
// the thread that starts it.
class TestServer {
 public:
  static TestServer& shared() {
    static TestServer server;
    return server;
  }

  // The URL of a new database: empty, or a copy of another one that nobody is connected to.
  std::string create(const std::string& name, const std::string& copied = "template1") {
    pqxx::connection connection(server_.url());
    pqxx::nontransaction(connection).exec(
        fmt::format("create database {} template {}", name, copied));
    std::string url = server_.url();
    return url.replace(url.find("/paceline?"), std::string("/paceline?").size(), "/" + name + "?");
  }
  std::string next_name() { return fmt::format("test_{}", ++count_); }

 private:
  ScratchFolder folder_;
  PrivatePostgres server_ =
      PrivatePostgres::start(folder_.path() / "server", {.is_durable = false});
  int count_ = 0;
};

inline std::string fresh_postgres_url() {
  return TestServer::shared().create(TestServer::shared().next_name());
}

// The URL of a new store, initialised: copying one is faster than going through the steps.
inline std::string fresh_postgres_store_url() {
  TestServer& server = TestServer::shared();
  static const bool is_made = [&] {
    open_store(server.create("initialised"), OpenMode::initialise);
    return true;
  }();
  static_cast<void>(is_made);
  return server.create(server.next_name(), "initialised");
}

}  // namespace paceline::testing
