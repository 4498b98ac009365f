#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <string>

#include "common/base/error.h"
#include "common/base/log.h"
#include "ops-tools/commands.h"
#include "ops-tools/help_format.h"
#include "ops-tools/version.h"

namespace {

using paceline::Error;
using paceline::ErrorKind;

constexpr int exit_failed_work = 1;
constexpr int exit_bad_request = 2;

// A bad request is one that the caller can mend: a wrong value, or a name of something that is not
// there to be reached.
int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
    case ErrorKind::unsupported:
    case ErrorKind::unavailable:
      return exit_bad_request;
    case ErrorKind::exhausted:
    case ErrorKind::internal:
      break;
  }
  return exit_failed_work;
}

void report(const std::string& message) { std::fprintf(stderr, "paceline: %s\n", message.c_str()); }

// CLI11's message, with where to read on.
int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* at = &app;
  std::string command = "paceline";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  report(std::string(error.what()) + "; see `" + command + " --help`");
  return exit_bad_request;
}

int run(int argc, char** argv) {
  CLI::App app{"Runs tensor graphs along the fastest path that was measured."};
  app.name("paceline");
  app.set_version_flag("--version", paceline::version());
  app.require_subcommand(0, 1);  // So that a wrong name is named, see below.
  app.formatter(paceline::help_format());
  std::string level = "warning";
  app.add_option("--log-level", level, "debug, info, warning, error or off")
      ->envname("PACELINE_LOG_LEVEL");
  app.parse_complete_callback([&] { paceline::log::set_level(paceline::log::parse_level(level)); });

  paceline::add_run_command(app);
  paceline::add_generate_command(app);
  paceline::add_explain_command(app);
  paceline::add_paths_command(app);
  paceline::add_measure_command(app);
  paceline::add_bench_command(app);
  paceline::add_campaign_command(app);
  paceline::add_fleet_command(app);
  paceline::add_store_command(app);
  paceline::add_machine_command(app);
  paceline::add_kernel_command(app);
  paceline::add_doctor_command(app);

  try {
    app.parse(argc, argv);
    if (app.get_subcommands().empty()) throw CLI::RequiredError("A subcommand");
  } catch (const CLI::Success& success) {  // --help, --version.
    return app.exit(success);
  } catch (const CLI::RuntimeError& ended) {  // A command that has already said why.
    return ended.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const Error& error) {
    report(error.what());
    return exit_code(error.kind());
  } catch (const std::exception& error) {
    report(error.what());
    return exit_failed_work;
  }
}
