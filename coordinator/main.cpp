#include <getopt.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/stop_signal.h"
#include "common/wire/socket.h"
#include "coordinator/coordinator.h"

namespace {

using paceline::Coordinator;
using paceline::Error;

constexpr const char* usage =
    "paceline-coordinator --store URL --listen ENDPOINT --keys FOLDER [--lease-seconds N]\n"
    "\n"
    "Hands out a fleet's work. Can be killed at any moment and started again.\n"
    "  --store URL         postgresql://..., initialised by paceline store init\n"
    "  --listen ENDPOINT   tcp://HOST:PORT or ipc://PATH\n"
    "  --keys FOLDER       with coordinator.key and the list `allowed`\n"
    "  --lease-seconds N   a silent worker loses its work after this (default 10)\n"
    "  --name NAME         shown to workers\n"
    "  --log-level LEVEL   debug, info, warning, error, off (default info)\n";

struct Arguments {
  Coordinator::Options options;
  std::string listen;
  std::string keys;
  std::string log_level = "info";
  bool wants_help = false;
};

int parse_seconds(const char* text) {
  int seconds = 0;
  const auto [end, code] = std::from_chars(text, text + std::strlen(text), seconds);
  if (code != std::errc() || *end != '\0' || seconds < 2) {
    throw paceline::invalid("--lease-seconds takes a number of at least 2: {}", text);
  }
  return seconds;
}

Arguments parse(int argc, char** argv) {
  static const option options[] = {{"store", required_argument, nullptr, 's'},
                                   {"listen", required_argument, nullptr, 'l'},
                                   {"keys", required_argument, nullptr, 'k'},
                                   {"lease-seconds", required_argument, nullptr, 'e'},
                                   {"name", required_argument, nullptr, 'n'},
                                   {"log-level", required_argument, nullptr, 'v'},
                                   {"help", no_argument, nullptr, 'h'},
                                   {}};
  Arguments arguments;
  arguments.options.name = "coordinator";
  for (int found; (found = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    switch (found) {
      case 's':
        arguments.options.store_url = optarg;
        break;
      case 'l':
        arguments.listen = optarg;
        break;
      case 'k':
        arguments.keys = optarg;
        break;
      case 'e':
        arguments.options.policy.lease_valid = std::chrono::seconds(parse_seconds(optarg));
        break;
      case 'n':
        arguments.options.name = optarg;
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
  if (arguments.options.store_url.empty() || arguments.listen.empty() || arguments.keys.empty()) {
    throw invalid("--store, --listen and --keys are needed, see --help");
  }
  log::set_program("paceline-coordinator");
  log::set_level(log::parse_level(arguments.log_level));
  const StopSignal stop;
  const std::filesystem::path keys = arguments.keys;
  wire::ServerSocket socket(arguments.listen,
                            wire::read_secret_key(keys / wire::key_files::coordinator_secret),
                            keys / wire::key_files::allow_list);
  Coordinator coordinator(arguments.options, socket);
  log::info("coordinator-listens", {{"endpoint", socket.endpoint()}});
  coordinator.run(stop);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    if (arguments.wants_help) {
      std::fputs(usage, stdout);
      return 0;
    }
    run(arguments);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "paceline-coordinator: %s\n", error.what());
    return error.kind() == paceline::ErrorKind::internal ? 1 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "paceline-coordinator: %s\n", error.what());
    return 1;
  }
}
