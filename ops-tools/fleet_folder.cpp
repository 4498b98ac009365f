#include "ops-tools/fleet_folder.h"

#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/settings.h"

namespace paceline {

namespace {

using nlohmann::json;

constexpr int start_time_field = 22;  // Of /proc/PID/stat.

// nullopt when there is no such process, or it has ended and waits to be reaped.
std::optional<std::int64_t> start_ticks(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field is a name in parentheses that may hold anything.
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string field;
  for (int index = 3; index <= start_time_field && fields >> field; ++index) {
    if (index == 3 && (field == "Z" || field == "X")) return std::nullopt;
  }
  return std::stoll(field);
}

std::filesystem::path default_folder() {
  if (const auto setting = Settings::load().find("fleet.folder")) return *setting;
  if (::geteuid() == 0 && ::getenv("XDG_DATA_HOME") == nullptr) return "/var/lib/paceline/fleet";
  return user_data_folder() / "fleet";
}

}  // namespace

ProcessMark ProcessMark::of(std::string name, pid_t pid) {
  return {std::move(name), pid, start_ticks(pid).value_or(0)};
}

bool ProcessMark::is_running() const {
  const auto ticks = start_ticks(pid);
  return ticks && *ticks == started_ticks;
}

FleetFolder FleetFolder::from_flag(const std::string& flag) {
  const std::filesystem::path path = flag.empty() ? default_folder() : std::filesystem::path(flag);
  return FleetFolder(std::filesystem::absolute(path).lexically_normal());
}

std::filesystem::path FleetFolder::spool(const std::string& worker) const {
  return path_ / "spool" / (worker + ".sqlite");
}

std::string FleetFolder::endpoint() const {
  const std::string socket = (path_ / "coordinator.sock").string();
  if (socket.size() >= sizeof(sockaddr_un::sun_path)) {
    throw invalid("path too long for a socket, give a shorter --folder: {}", socket);
  }
  return "ipc://" + socket;
}

const ProcessMark* FleetFolder::State::find(const std::string& name) const {
  const auto found = std::ranges::find(processes, name, &ProcessMark::name);
  return found == processes.end() ? nullptr : &*found;
}

std::optional<FleetFolder::State> FleetFolder::load() const {
  const auto file = path_ / "fleet.json";
  if (!std::filesystem::exists(file)) return std::nullopt;
  try {
    const json document = json::parse(read_text_file(file));
    State state{.store_url = document.at("store"), .processes = {}};
    for (const json& item : document.at("processes")) {
      state.processes.push_back({item.at("name"), item.at("pid"), item.at("started_ticks")});
    }
    return state;
  } catch (const json::exception& error) {
    throw invalid("fleet's record is damaged, end its processes by hand and remove it, {}: {}",
                  error.what(), file.string());
  }
}

void FleetFolder::save(const State& state) const {
  json processes = json::array();
  for (const ProcessMark& process : state.processes) {
    processes.push_back(
        {{"name", process.name}, {"pid", process.pid}, {"started_ticks", process.started_ticks}});
  }
  const json document = {{"store", state.store_url}, {"processes", processes}};
  write_file_atomically(path_ / "fleet.json", document.dump(2) + "\n");
}

void FleetOption::add_to(CLI::App& command) {
  command.add_option("--folder", folder, "Of the private fleet (default: as `fleet up`)");
  command.add_option("--connect", connect, "Another coordinator: tcp://HOST:PORT or ipc://PATH");
  command.add_option("--keys", keys, "Folder with client.key and coordinator.pub");
}

wire::ClientSocket FleetOption::open() const {
  if (!connect.empty() && keys.empty()) throw invalid("--connect needs --keys: {}", connect);
  const FleetFolder fleet = fleet_folder();
  if (connect.empty() && !fleet.load()) {
    throw unavailable("no fleet was started here, run `paceline fleet up` or give --connect: {}",
                      fleet.path().string());
  }
  return wire::ClientSocket(connect.empty() ? fleet.endpoint() : connect,
                            keys.empty() ? fleet.keys() : std::filesystem::path(keys),
                            wire::Role::client);
}

}  // namespace paceline
