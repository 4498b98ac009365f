#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/stop_signal.h"
#include "common/wire/socket.h"
#include "worker/daemon/daemon.h"
#include "worker/measure/child.h"

namespace {

constexpr const char* usage =
    "paceline-worker --connect ENDPOINT --keys FOLDER [--threads N] [--spool FILE]\n"
    "\n"
    "Measures what a coordinator asks for.\n"
    "  --connect ENDPOINT  tcp://HOST:PORT or ipc://PATH\n"
    "  --keys FOLDER       with worker.key and coordinator.pub\n"
    "  --threads N         that kernels may use (default 1)\n"
    "  --spool FILE        keeps results until the coordinator has them\n"
    "                      (default: worker/spool.sqlite in the user's data folder)\n"
    "  --name NAME         shown in logs and displays (default HOST/PID)\n"
    "  --log-level LEVEL   debug, info, warning, error, off (default info)\n"
    "\n"
    "The first SIGTERM lets it finish its sitting and leave, the second stops it.\n";

struct Arguments {
  std::string connect;
  std::string keys;
  int threads = 1;
  std::filesystem::path spool;
  std::string name;
  std::string log_level = "info";
  bool wants_help = false;
};

int parse_threads(const char* text) {
  int threads = 0;
  const int threads_max = static_cast<int>(std::thread::hardware_concurrency());
  const auto [end, code] = std::from_chars(text, text + std::strlen(text), threads);
  if (code != std::errc() || *end != '\0' || threads < 1 || threads > threads_max) {
    throw paceline::invalid("--threads takes 1 to {} on this machine: {}", threads_max, text);
  }
  return threads;
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {
      {"connect", required_argument, nullptr, 'c'}, {"keys", required_argument, nullptr, 'k'},
      {"threads", required_argument, nullptr, 't'}, {"spool", required_argument, nullptr, 's'},
      {"name", required_argument, nullptr, 'n'},    {"log-level", required_argument, nullptr, 'v'},
      {"help", no_argument, nullptr, 'h'},          {}};
  Arguments arguments;
  for (int found; (found = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (found) {
      case 'c':
        arguments.connect = optarg;
        break;
      case 'k':
        arguments.keys = optarg;
        break;
      case 't':
        arguments.threads = parse_threads(optarg);
        break;
      case 's':
        arguments.spool = optarg;
        break;
      case 'n':
        arguments.name = optarg;
        break;
      case 'v':
        arguments.log_level = optarg;
        break;
      case 'h':
        arguments.wants_help = true;
        break;
      default:
        throw paceline::invalid("see --help");  // getopt has named the option.
    }
  }
  if (optind < argc) throw paceline::invalid("unexpected argument, see --help: {}", argv[optind]);
  return arguments;
}

void run(const Arguments& arguments) {
  using namespace paceline;
  if (arguments.connect.empty() || arguments.keys.empty()) {
    throw invalid("--connect and --keys are needed, see --help");
  }
  log::set_program("paceline-worker");
  log::set_level(log::parse_level(arguments.log_level));
  const StopSignal stop;
  wire::ClientSocket socket(arguments.connect, std::filesystem::path(arguments.keys),
                            wire::Role::worker);
  Spool spool(arguments.spool.empty() ? user_data_folder() / "worker" / "spool.sqlite"
                                      : arguments.spool);
  WorkerDaemon(introduce(arguments.threads, arguments.name), socket, spool).run(stop);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "child") == 0) return paceline::run_measure_child();
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.wants_help) {
      std::fputs(usage, stdout);
      return 0;
    }
    run(arguments);
    return 0;
  } catch (const paceline::Error& error) {
    std::fprintf(stderr, "paceline-worker: %s\n", error.what());
    return error.kind() == paceline::ErrorKind::internal ? 1 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "paceline-worker: %s\n", error.what());
    return 1;
  }
}
