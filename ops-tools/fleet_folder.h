#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/wire/socket.h"

namespace CLI {
class App;
}

namespace paceline {

// A process by its id and the time it started, which tells it from a later one of that id.
struct ProcessMark {
  std::string name;  // "coordinator", "worker-1"
  pid_t pid = 0;
  std::int64_t started_ticks = 0;

  static ProcessMark of(std::string name, pid_t pid);
  bool is_running() const;
};

// Where a private fleet keeps its keys, logs, spools, database and what runs:
//
//   fleet.json  keys/  logs/  spool/  postgres/  coordinator.sock
//
// Written by `paceline fleet`, read by `paceline campaign` to find the coordinator.
class FleetFolder {
 public:
  explicit FleetFolder(std::filesystem::path path) : path_(std::move(path)) {}
  // --folder, else PACELINE_FLEET_FOLDER or `fleet.folder` of paceline.toml, else `fleet` in the
  // user's data folder; /var/lib/paceline/fleet for root, since the user `postgres` must reach it.
  static FleetFolder from_flag(const std::string& flag);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path keys() const { return path_ / "keys"; }
  std::filesystem::path logs() const { return path_ / "logs"; }
  std::filesystem::path spool(const std::string& worker) const;
  std::filesystem::path postgres() const { return path_ / "postgres"; }
  // Throws `invalid` when the path is too long for a socket.
  std::string endpoint() const;

  struct State {
    std::string store_url;
    std::vector<ProcessMark> processes;  // Of ours; PostgreSQL knows its own.

    const ProcessMark* find(const std::string& name) const;
  };
  // nullopt when no fleet was ever started here.
  std::optional<State> load() const;
  void save(const State& state) const;

 private:
  std::filesystem::path path_;
};

// How a command finds its coordinator.
struct FleetOption {
  std::string folder;
  std::string connect;
  std::string keys;

  void add_to(CLI::App& command);
  FleetFolder fleet_folder() const { return FleetFolder::from_flag(folder); }
  wire::ClientSocket open() const;
};

}  // namespace paceline
