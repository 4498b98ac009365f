#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "common/base/subprocess.h"

namespace paceline {

// A PostgreSQL server of our own in a folder of its own: reached by a Unix socket that only this user
// (and root) can open, no port, no password. As root it runs as the user `postgres`, who then owns the
// folder and must be able to reach it. One thread; when the server dies with its parent, the thread
// that starts it must live as long.
class PrivatePostgres {
 public:
  struct Options {
    // A daemon in its own session, which ~PrivatePostgres leaves alone. Otherwise the server ends with
    // this object and with this process, however that ends.
    bool outlives_caller = false;
    bool is_durable = true;  // False: no fsync, and an end without a checkpoint. For tests.
  };

  // Makes the cluster when the folder is new, recovers it after a crash, and waits until it answers;
  // the database `paceline` is there. Throws `invalid` when a server runs there already or the folder
  // cannot serve, `unavailable` with the server's last words when it does not start, and
  // `unsupported` when PostgreSQL is not installed.
  static PrivatePostgres start(const std::filesystem::path& folder, Options options);
  static PrivatePostgres start(const std::filesystem::path& folder) { return start(folder, {}); }
  // The server of that folder, whoever started it.
  static std::optional<pid_t> find_running(const std::filesystem::path& folder);
  // Stops it. Returns whether one was running.
  static bool stop_running(const std::filesystem::path& folder);

  PrivatePostgres(PrivatePostgres&&) noexcept = default;
  PrivatePostgres& operator=(PrivatePostgres&&) = delete;
  ~PrivatePostgres();

  const std::string& url() const { return url_; }
  pid_t pid() const { return pid_; }

 private:
  PrivatePostgres(Subprocess server, std::string url, Options options);

  std::unique_ptr<Subprocess> server_;  // Null for a daemon.
  pid_t pid_;
  std::string url_;
  int stop_signal_;
};

}  // namespace paceline
