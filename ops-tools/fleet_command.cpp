#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/base/error.h"
#include "common/base/stop_signal.h"
#include "common/base/subprocess.h"
#include "common/store/private_postgres.h"
#include "common/store/store.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/fleet_folder.h"
#include "ops-tools/id_prefix.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr Duration ask_timeout = 5s;
constexpr Duration ready_timeout = 60s;
// A worker that is told to stop finishes its sitting; then it is told again, then killed.
constexpr Duration drain_patience = 10s;
constexpr Duration stop_patience = 3s;
constexpr int exit_interrupted = 130;  // As a shell tells SIGINT.

struct UpArguments {
  std::string folder;
  int workers = 2;
  int threads = 1;
  int lease_seconds = 10;
  bool stays = false;
  bool json = false;
};

// Starts what does not run yet and records it.
class PrivateFleet {
 public:
  PrivateFleet(const FleetFolder& folder, const UpArguments& arguments, const StopSignal& stop)
      : folder_(folder),
        arguments_(arguments),
        stop_(stop),
        state_(folder.load().value_or(FleetFolder::State())) {}

  void start() {
    std::filesystem::create_directories(folder_.logs());
    wire::make_key_folder(folder_.keys());
    start_postgres();
    open_store(state_.store_url, OpenMode::initialise);
    start_process("coordinator", {"paceline-coordinator", "--store", state_.store_url, "--listen",
                                  folder_.endpoint(), "--keys", folder_.keys().string(),
                                  "--lease-seconds", fmt::format("{}", arguments_.lease_seconds)});
    for (int i = 1; i <= arguments_.workers; ++i) {
      const std::string name = fmt::format("worker-{}", i);
      start_process(name,
                    {"paceline-worker", "--connect", folder_.endpoint(), "--keys",
                     folder_.keys().string(), "--threads", fmt::format("{}", arguments_.threads),
                     "--spool", folder_.spool(name).string(), "--name", name});
    }
    wait_until_ready();
  }

  const FleetFolder::State& state() const { return state_; }

  // Throws naming a process that has ended, with its log.
  void check_processes() const {
    for (const ProcessMark& process : state_.processes) {
      if (process.is_running()) continue;
      throw unavailable("{} has ended, see {}", process.name, log_of(process.name).string());
    }
  }

 private:
  std::filesystem::path log_of(const std::string& name) const {
    return folder_.logs() / (name + ".log");
  }

  void start_postgres() {
    if (!state_.store_url.empty() && PrivatePostgres::find_running(folder_.postgres())) return;
    PrivatePostgres::stop_running(folder_.postgres());
    postgres_.emplace(
        PrivatePostgres::start(folder_.postgres(), {.outlives_caller = !arguments_.stays}));
    state_.store_url = postgres_->url();
    folder_.save(state_);
  }

  void start_process(const std::string& name, std::vector<std::string> command) {
    const ProcessMark* known = state_.find(name);
    if (known != nullptr && known->is_running()) return;
    command.front() = (program_folder() / command.front()).string();
    Subprocess process = Subprocess::start({.command = std::move(command),
                                            .environment = {},
                                            .folder = folder_.path(),
                                            .output = log_of(name),
                                            .descriptors = {},
                                            .user = {},
                                            .group = {},
                                            .dies_with_parent = arguments_.stays,
                                            .own_session = !arguments_.stays,
                                            .address_space_bytes_max = {}});
    std::erase_if(state_.processes, [&](const ProcessMark& mark) { return mark.name == name; });
    state_.processes.push_back(ProcessMark::of(name, process.pid()));
    folder_.save(state_);
    if (arguments_.stays) {
      children_.push_back(std::move(process));
    } else {
      process.release();
    }
  }

  void wait_until_ready() {
    wire::ClientSocket socket(folder_.endpoint(), folder_.keys(), wire::Role::client);
    const auto deadline = monotonic_ns() + ready_timeout.count();
    while (monotonic_ns() < deadline) {
      check_processes();
      if (stop_.count() > 0) throw unavailable("fleet's start was interrupted");
      try {
        const auto status = std::get<wire::Status>(socket.ask(wire::Ask{}, 1s));
        const auto ready = std::ranges::count_if(status.workers, [&](const auto& worker) {
          return worker.silent_s < 5 && state_.find(worker.name) != nullptr;
        });
        if (ready >= arguments_.workers) return;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unavailable) throw;
      }
      std::this_thread::sleep_for(50ms);
    }
    throw unavailable("fleet is not ready within {} s, see the logs in {}",
                      std::chrono::duration_cast<std::chrono::seconds>(ready_timeout).count(),
                      folder_.logs().string());
  }

  const FleetFolder& folder_;
  const UpArguments& arguments_;
  const StopSignal& stop_;
  FleetFolder::State state_;
  std::optional<PrivatePostgres> postgres_;
  std::vector<Subprocess> children_;
};

void wait_for_end(const std::vector<ProcessMark>& processes, Duration patience) {
  const auto deadline = monotonic_ns() + patience.count();
  const auto is_running = [](const ProcessMark& process) { return process.is_running(); };
  while (std::ranges::any_of(processes, is_running) && monotonic_ns() < deadline) {
    for (const ProcessMark& process : processes) ::waitpid(process.pid, nullptr, WNOHANG);
    std::this_thread::sleep_for(20ms);
  }
}

void signal_running(const std::vector<ProcessMark>& processes, int number) {
  for (const ProcessMark& process : processes) {
    if (process.is_running()) ::kill(process.pid, number);
  }
}

// Returns how many ran.
std::int64_t stop_processes(const std::vector<ProcessMark>& processes) {
  const auto ran = std::ranges::count_if(
      processes, [](const ProcessMark& process) { return process.is_running(); });
  for (const auto& [number, patience] :
       {std::pair{SIGTERM, drain_patience}, std::pair{SIGTERM, stop_patience},
        std::pair{SIGKILL, stop_patience}}) {
    signal_running(processes, number);
    wait_for_end(processes, patience);
  }
  return ran;
}

// Workers first, so that they can say goodbye; the database last.
std::int64_t stop_fleet(const FleetFolder& folder) {
  std::int64_t stopped = 0;
  if (auto state = folder.load()) {
    const auto rest = std::ranges::partition(state->processes, [](const ProcessMark& process) {
      return process.name.starts_with("worker-");
    });
    const std::vector<ProcessMark> others(rest.begin(), rest.end());
    state->processes.erase(rest.begin(), rest.end());
    stopped += stop_processes(state->processes);
    stopped += stop_processes(others);
    state->processes.clear();
    folder.save(*state);
  }
  if (std::filesystem::exists(folder.postgres())) {
    stopped += PrivatePostgres::stop_running(folder.postgres()) ? 1 : 0;
  }
  return stopped;
}

void print_started(const FleetFolder& folder, const UpArguments& arguments,
                   const FleetFolder::State& state) {
  if (arguments.json) {
    fmt::print("{}\n", json{{"folder", folder.path().string()},
                            {"store", state.store_url},
                            {"endpoint", folder.endpoint()},
                            {"workers", arguments.workers}}
                           .dump(2));
    return;
  }
  fmt::print(
      "fleet is up in {}\n"
      "  {} workers of {} threads, one coordinator, PostgreSQL\n\n"
      "  export PACELINE_STORE='{}'\n"
      "  paceline campaign submit MODEL --bind B=1 --bind N=128 --wait\n"
      "  paceline run MODEL --input F.safetensors\n"
      "  paceline fleet down\n",
      folder.path().string(), arguments.workers, arguments.threads, state.store_url);
  std::fflush(stdout);
}

void up(const UpArguments& arguments) {
  const FleetFolder folder = FleetFolder::from_flag(arguments.folder);
  const StopSignal stop;
  PrivateFleet fleet(folder, arguments, stop);
  try {
    fleet.start();
    print_started(folder, arguments, fleet.state());
    while (arguments.stays && stop.count() == 0) {
      fleet.check_processes();
      std::this_thread::sleep_for(100ms);
    }
  } catch (...) {
    stop_fleet(folder);
    if (stop.count() > 0) throw CLI::RuntimeError(exit_interrupted);
    throw;
  }
  if (arguments.stays) stop_fleet(folder);
}

void down(const std::string& flag, bool as_json) {
  const FleetFolder folder = FleetFolder::from_flag(flag);
  const std::int64_t stopped = stop_fleet(folder);
  if (as_json) {
    fmt::print("{}\n", json{{"folder", folder.path().string()}, {"stopped", stopped}}.dump(2));
  } else if (stopped == 0) {
    fmt::print("no fleet runs in {}\n", folder.path().string());
  } else {
    fmt::print("fleet is down; its data stays in {}\n", folder.path().string());
  }
}

json to_json(const wire::WorkerStatus& worker) {
  return {{"id", worker.id.to_string()}, {"name", worker.name},
          {"state", worker.state},       {"machine", worker.machine},
          {"resource", worker.resource}, {"workload", worker.workload},
          {"silent_s", worker.silent_s}};
}

void status(const FleetOption& option, bool as_json) {
  wire::ClientSocket socket = option.open();
  const auto status = std::get<wire::Status>(socket.ask(wire::Ask{}, ask_timeout));
  if (as_json) {
    json workers = json::array();
    for (const wire::WorkerStatus& worker : status.workers) workers.push_back(to_json(worker));
    json document = {{"endpoint", socket.endpoint()}, {"workers", workers}};
    if (const auto state = option.fleet_folder().load()) document["store"] = state->store_url;
    fmt::print("{}\n", document.dump(2));
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const wire::WorkerStatus& worker : status.workers) {
    rows.push_back({worker.name, worker.state, fmt::format("{:.1f} s", worker.silent_s),
                    worker.workload, short_id(worker.id.to_string())});
  }
  fmt::print("{}", format_table({"worker", "state", "heard before", "measures", "id"}, rows));
}

WorkerId find_worker(wire::ClientSocket& socket, const std::string& name) {
  const auto status = std::get<wire::Status>(socket.ask(wire::Ask{}, ask_timeout));
  std::vector<std::string> ids;
  for (const wire::WorkerStatus& worker : status.workers) {
    if (worker.name == name) return worker.id;
    ids.push_back(worker.id.to_string());
  }
  return *WorkerId::parse(find_by_prefix(ids, name, "worker"));
}

void drain(const FleetOption& option, const std::string& name) {
  wire::ClientSocket socket = option.open();
  const WorkerId worker = find_worker(socket, name);
  socket.ask(wire::Control{{}, worker, wire::ControlAction::drain}, ask_timeout);
  fmt::print("{} finishes its sitting and leaves\n", name);
}

void add_up(CLI::App& fleet) {
  auto arguments = std::make_shared<UpArguments>();
  CLI::App* command =
      fleet.add_subcommand("up", "Start what does not run yet: PostgreSQL, a coordinator, workers");
  command->add_option("--workers", arguments->workers, "How many (default 2)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--threads", arguments->threads, "That kernels may use (default 1)")
      ->check(CLI::Range(1, 1024));
  command
      ->add_option("--lease-seconds", arguments->lease_seconds,
                   "A silent worker loses its work after this (default 10)")
      ->check(CLI::Range(2, 3600));
  command->add_option("--folder", arguments->folder, "For everything (default: of your data)");
  command->add_flag("--foreground", arguments->stays, "Stay until Ctrl-C, then stop everything");
  command->add_flag("--json", arguments->json, "Print one JSON document");
  command->callback([arguments] { up(*arguments); });
}

void add_down(CLI::App& fleet) {
  auto folder = std::make_shared<std::string>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = fleet.add_subcommand("down", "Stop everything; the data stays");
  command->add_option("--folder", *folder, "As for up");
  command->add_flag("--json", *as_json, "Print one JSON document");
  command->callback([folder, as_json] { down(*folder, *as_json); });
}

void add_status(CLI::App& fleet) {
  auto option = std::make_shared<FleetOption>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = fleet.add_subcommand("status", "Show the workers and what they do");
  option->add_to(*command);
  command->add_flag("--json", *as_json, "Print one JSON document");
  command->callback([option, as_json] { status(*option, *as_json); });
}

void add_drain(CLI::App& fleet) {
  auto option = std::make_shared<FleetOption>();
  auto worker = std::make_shared<std::string>();
  CLI::App* command = fleet.add_subcommand("drain", "Let a worker finish its sitting and leave");
  command->add_option("worker", *worker, "Name, id, or how the id begins")->required();
  option->add_to(*command);
  command->callback([option, worker] { drain(*option, *worker); });
}

}  // namespace

void add_fleet_command(CLI::App& app) {
  CLI::App* fleet = app.add_subcommand("fleet", "A private fleet on this machine");
  fleet->require_subcommand(1);
  add_up(*fleet);
  add_status(*fleet);
  add_down(*fleet);
  add_drain(*fleet);
}

}  // namespace paceline
