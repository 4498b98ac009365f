#include "common/store/private_postgres.h"

#include <fmt/core.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <pqxx/pqxx>
#include <sstream>
#include <thread>
#include <vector>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/log.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto start_timeout = 60s;  // Recovery after a crash replays the log.
constexpr auto stop_timeout = 20s;
constexpr std::string_view socket_name = "/.s.PGSQL.5432";
constexpr std::size_t socket_path_bytes_max = 107;  // sockaddr_un, without its final zero.
constexpr std::string_view user = "paceline";
constexpr std::string_view database = "paceline";

// Whom the server runs as: ourselves, or `postgres` when we are root, whom PostgreSQL refuses.
struct Account {
  uid_t uid;
  gid_t gid;
  std::string name;
};

Account server_account() {
  if (::geteuid() != 0) return {::geteuid(), ::getegid(), "this user"};
  const passwd* found = ::getpwnam("postgres");
  if (found == nullptr) {
    throw unsupported("PostgreSQL does not run as root and there is no user postgres, install the "
                      "package postgresql");
  }
  return {found->pw_uid, found->pw_gid, "postgres"};
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string last_line(const fs::path& path) {
  std::istringstream lines(read_file(path));
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) last = line;
  }
  return last;
}

// The folder of initdb and postgres: of release `version` when given, else the newest.
fs::path programs(std::string_view version) {
  std::vector<std::pair<int, fs::path>> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (!version.empty() && name != version) continue;
    if (fs::exists(entry.path() / "bin/initdb")) found.emplace_back(number, entry.path() / "bin");
  }
  if (found.empty()) {
    throw unsupported("PostgreSQL is not installed, install the package postgresql{}{}",
                      version.empty() ? "" : "-", version);
  }
  return std::ranges::max(found).second;
}

fs::path data_of(const fs::path& folder) { return folder / "data"; }
fs::path log_of(const fs::path& folder) { return folder / "postgresql.log"; }

bool is_reachable_by(const fs::path& folder, const Account& account) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return false;
  if (status.st_uid == account.uid) return (status.st_mode & S_IXUSR) != 0;
  if (status.st_gid == account.gid) return (status.st_mode & S_IXGRP) != 0;
  return (status.st_mode & S_IXOTH) != 0;
}

// Makes the folder and gives it to the account.
void prepare_folder(const fs::path& folder, const Account& account) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw invalid("cannot make the server's folder: {}: {}", error.message(), folder.string());
  for (fs::path parent = folder.parent_path(); !parent.empty(); parent = parent.parent_path()) {
    if (!is_reachable_by(parent, account)) {
      throw invalid("the server's folder cannot be reached by {}, choose one outside of {}: {}",
                    account.name, parent.string(), folder.string());
    }
    if (parent == parent.root_path()) break;
  }
  if (::geteuid() == 0 && ::chown(folder.c_str(), account.uid, account.gid) != 0) {
    throw invalid("cannot give the server's folder to {}: {}", account.name, folder.string());
  }
  fs::permissions(folder, fs::perms::owner_all);
}

SubprocessOptions as_account(const Account& account, const fs::path& folder,
                             std::vector<std::string> command) {
  SubprocessOptions options;
  options.command = std::move(command);
  options.environment = {{"LC_ALL", "C"}};
  options.folder = folder;
  options.output = log_of(folder);
  if (::geteuid() == 0) {
    options.user = account.uid;
    options.group = account.gid;
  }
  return options;
}

// In two steps, so that a cluster that is there is whole.
void make_cluster(const fs::path& folder, const Account& account, bool is_durable) {
  const fs::path unfinished = folder / "data.new";
  fs::remove_all(unfinished);
  std::vector<std::string> command = {(programs("") / "initdb").string(),
                                      "--pgdata=" + unfinished.string(),
                                      fmt::format("--username={}", user),
                                      "--auth=trust",
                                      "--encoding=UTF8",
                                      "--locale=C",
                                      "--no-instructions"};
  if (!is_durable) command.emplace_back("--no-sync");
  const int status = Subprocess::start(as_account(account, folder, std::move(command))).wait();
  if (status != 0) {
    throw unavailable("initdb failed ({}): {}: see {}", describe_wait_status(status),
                      last_line(log_of(folder)), log_of(folder).string());
  }
  fs::rename(unfinished, data_of(folder));
}

// Beside the data when its path is short enough, else in /tmp under a name that the data's path gives.
// There somebody else may have been first: the folder must be the account's and closed to others.
fs::path make_socket_folder(const fs::path& folder, const Account& account) {
  const fs::path beside = folder / "socket";
  const bool fits = beside.string().size() + socket_name.size() <= socket_path_bytes_max;
  const fs::path place =
      fits ? beside
           : fs::path("/tmp/paceline-" +
                      Hasher("socket/1").add(folder.string()).finish().to_string());
  if (::mkdir(place.c_str(), 0700) == 0 && ::geteuid() == 0 &&
      ::chown(place.c_str(), account.uid, account.gid) != 0) {
    throw invalid("cannot give the socket's folder to {}: {}", account.name, place.string());
  }
  struct stat status {};
  if (::lstat(place.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
      status.st_uid != account.uid || (status.st_mode & 0077) != 0) {
    throw invalid("the socket's folder is not {}'s alone, remove it: {}", account.name,
                  place.string());
  }
  return place;
}

std::string percent_encoded(const std::string& text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '-' ||
                          c == '_' || c == '.';
    encoded += is_plain ? std::string(1, c)
                        : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string url_of(const fs::path& socket_folder, std::string_view name) {
  return fmt::format("postgresql:///{}?host={}&user={}", name,
                     percent_encoded(socket_folder.string()), user);
}

Subprocess launch(const fs::path& folder, const fs::path& socket_folder, const Account& account,
                  const PrivatePostgres::Options& options) {
  std::string version = read_file(data_of(folder) / "PG_VERSION");
  version = version.substr(0, version.find('\n'));
  std::vector<std::string> command = {(programs(version) / "postgres").string(),
                                      "-D", data_of(folder).string(),
                                      "-k", socket_folder.string(),
                                      "-c", "listen_addresses=",
                                      "-c", "port=5432",
                                      "-c", "max_connections=200",
                                      "-c", "unix_socket_permissions=0700"};
  if (!options.is_durable) {
    for (const char* setting : {"fsync=off", "synchronous_commit=off", "full_page_writes=off"}) {
      command.insert(command.end(), {"-c", setting});
    }
  }
  SubprocessOptions process = as_account(account, folder, std::move(command));
  process.dies_with_parent = !options.outlives_caller;
  process.own_session = true;
  return Subprocess::start(process);
}

bool answers(const fs::path& socket_folder) {
  try {
    pqxx::connection connection(url_of(socket_folder, "postgres"));
    return true;
  } catch (const pqxx::failure&) {
    return false;
  }
}

// Whether it answered; false when it ended before.
bool wait_until_ready(Subprocess& server, const fs::path& socket_folder) {
  const auto deadline = now() + start_timeout;
  while (now() < deadline) {
    if (!server.is_running()) return false;
    if (answers(socket_folder)) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// A server whose predecessor was killed refuses to start until the last of the old processes, which
// still hold its shared memory, have noticed: so it is tried again for a while.
Subprocess start_server(const fs::path& folder, const fs::path& socket_folder,
                        const Account& account, const PrivatePostgres::Options& options) {
  for (int attempt = 0; attempt < 10; ++attempt) {
    Subprocess server = launch(folder, socket_folder, account, options);
    if (wait_until_ready(server, socket_folder)) return server;
    if (server.is_running()) break;
    std::this_thread::sleep_for(200ms);
  }
  throw unavailable("PostgreSQL did not start: {}: see {}", last_line(log_of(folder)),
                    log_of(folder).string());
}

void ensure_database(const fs::path& socket_folder) {
  pqxx::connection connection(url_of(socket_folder, "postgres"));
  pqxx::nontransaction session(connection);
  if (session.exec(fmt::format("select 1 from pg_database where datname = '{}'", database)).empty()) {
    session.exec(fmt::format("create database {}", database));
  }
}

bool is_server_of(pid_t pid, const fs::path& folder) {
  const std::string command = read_file(fmt::format("/proc/{}/cmdline", pid));
  return command.find(data_of(folder).string()) != std::string::npos;
}

}  // namespace

PrivatePostgres::PrivatePostgres(Subprocess server, std::string url, Options options)
    : pid_(server.pid()),
      url_(std::move(url)),
      stop_signal_(options.is_durable ? SIGINT : SIGQUIT) {
  if (options.outlives_caller) {
    server.release();
  } else {
    server_ = std::make_unique<Subprocess>(std::move(server));
  }
}

PrivatePostgres PrivatePostgres::start(const fs::path& given, Options options) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  if (const auto pid = find_running(folder)) {
    throw invalid("a PostgreSQL server runs there already, as process {}: {}", *pid,
                  folder.string());
  }
  const Account account = server_account();
  prepare_folder(folder, account);
  if (!fs::exists(data_of(folder) / "PG_VERSION")) make_cluster(folder, account, options.is_durable);
  const fs::path socket_folder = make_socket_folder(folder, account);
  Subprocess server = start_server(folder, socket_folder, account, options);
  ensure_database(socket_folder);
  log::info("postgresql-started", {{"pid", server.pid()}, {"folder", folder.string()}});
  return {std::move(server), url_of(socket_folder, database), options};
}

std::optional<pid_t> PrivatePostgres::find_running(const fs::path& given) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  const std::string first = read_file(data_of(folder) / "postmaster.pid");
  pid_t pid = 0;
  std::from_chars(first.data(), first.data() + first.size(), pid);
  if (pid <= 0 || !is_server_of(pid, folder)) return std::nullopt;
  return pid;
}

bool PrivatePostgres::stop_running(const fs::path& given) {
  const fs::path folder = fs::absolute(given).lexically_normal();
  const auto pid = find_running(folder);
  if (!pid) return false;
  // Fast: ends sessions, then writes a checkpoint. Immediate when that does not come to an end.
  for (const int signal : {SIGINT, SIGQUIT}) {
    ::kill(*pid, signal);
    const auto deadline = now() + stop_timeout;
    while (now() < deadline) {
      if (!is_server_of(*pid, folder)) return true;
      std::this_thread::sleep_for(5ms);
    }
  }
  throw unavailable("PostgreSQL does not stop: process {} in {}", *pid, folder.string());
}

PrivatePostgres::~PrivatePostgres() {
  if (!server_) return;
  server_->signal(stop_signal_);
  if (!server_->wait(stop_timeout)) server_->signal(SIGQUIT);
}

}  // namespace paceline
