#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "common/base/error.h"
#include "common/base/subprocess.h"
#include "kernels/all_kernels.h"
#include "kernels/cuda_module.h"
#include "kernels/generated/compiler.h"
#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "ops-tools/version.h"
#include "ops-tools/wrap.h"
#include "worker/probe/gpus.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

// One thing that was looked at: fine, or what is missing without it.
struct Finding {
  std::string what;
  bool good = true;
  std::string said;
};

Finding attempt(std::string what, const std::function<std::string()>& look) {
  try {
    return {std::move(what), true, look()};
  } catch (const Error& error) {
    return {std::move(what), false, error.what()};
  }
}

std::string look_at_store(const StoreOption& option) {
  const auto store = option.open();
  if (!store) return "none";
  const StoreCounts counts = store->counts();
  return fmt::format("{}: {} measurements of {} workloads", store->url(), counts.measurements,
                     counts.workloads);
}

std::string look_at_kernels() {
  std::map<std::string, int> count;
  std::map<std::string, std::set<std::string>> versions;
  for (const Kernel& kernel : kernels::all_kernels()) {
    ++count[kernel.info.library];
    if (!kernel.info.library_version.empty()) {
      versions[kernel.info.library].insert(kernel.info.library_version);
    }
  }
  std::string text;
  for (const auto& [library, kernels] : count) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kernels, library);
    if (!versions[library].empty()) {
      text += fmt::format(" ({})", fmt::join(versions[library], ", "));
    }
  }
  return text;
}

std::string look_at_generated_code() {
  if (const auto absence = kernels::generated_code_absence()) {
    return fmt::format("none: {}; everything runs without", *absence);
  }
  return fmt::format("{}, loaded on first use", kernels::generated_code_version());
}

std::string look_for_program(const char* name) {
  const auto path = program_folder() / name;
  if (access(path.c_str(), X_OK) != 0) {
    throw unavailable("not found beside this program: {}", path.string());
  }
  return path.string();
}

std::string look_at_gpus() {
  const std::vector<Machine::Gpu>& gpus = probe_gpus();
  if (gpus.empty()) return "none: no NVIDIA driver or GPU; everything else works";
  const Machine::Gpu& first = gpus.front();
  return fmt::format(
      "{} x {} ({}, {} multiprocessors, {}), driver {}, power limit {} W, ECC {}, {}", gpus.size(),
      first.model, first.architecture, first.multiprocessors, format_bytes(first.memory_bytes),
      probe_cuda_driver(), first.power_limit_watts, first.ecc, first.link);
}

std::string look_at_cuda() {
  const auto absence = kernels::cuda_absence();
  const std::size_t count = kernels::cuda_kernels().size();
  if (absence && count == 0) return fmt::format("none: {}; CPU kernels only", *absence);
  if (absence) return fmt::format("{} kernels, none usable: {}", count, *absence);
  return fmt::format("{} kernels", count);
}

std::vector<Finding> look_at_cuda_libraries() {
  std::vector<Finding> findings;
  for (const kernels::CudaLibrary& library : kernels::cuda_libraries()) {
    findings.push_back({library.name, true,
                        library.absence.empty()
                            ? fmt::format("{} ({})", library.version, library.path)
                            : fmt::format("none: {}; its kernels are missing", library.absence)});
  }
  return findings;
}

std::vector<Finding> examine(const StoreOption& store) {
  std::vector<Finding> findings = {
      {"version", true, version()},
      attempt("machine",
              [] {
                const Machine machine = probe_machine();
                return fmt::format("{}, {} cores", machine.cpu_model, machine.cores);
              }),
      attempt("kernels", look_at_kernels),
      attempt("generated", look_at_generated_code),
      attempt("worker", [] { return look_for_program("paceline-worker"); }),
      attempt("coordinator", [] { return look_for_program("paceline-coordinator"); }),
      attempt("store", [&] { return look_at_store(store); }),
      attempt("gpu", look_at_gpus),
      attempt("cuda", look_at_cuda),
  };
  std::ranges::move(look_at_cuda_libraries(), std::back_inserter(findings));
  return findings;
}

struct DoctorArguments {
  StoreOption store;
  bool json = false;
};

void run(const DoctorArguments& arguments) {
  const std::vector<Finding> findings = examine(arguments.store);
  nlohmann::json document;
  bool good = true;
  for (const Finding& finding : findings) {
    good = good && finding.good;
    document[finding.what] = {{"ok", finding.good}, {"says", finding.said}};
    if (!arguments.json) {
      const std::string line =
          fmt::format("{}  {:<12} {}", finding.good ? "ok " : "BAD", finding.what, finding.said);
      fmt::print("{}\n", wrap(line, terminal_width(), /*indent=*/18));
    }
  }
  if (arguments.json) fmt::print("{}\n", document.dump(2));
  if (!good) throw CLI::RuntimeError(1);
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* command = app.add_subcommand("doctor", "What works here, what does not, and why");
  arguments->store.add_to(*command);
  command->add_flag("--json", arguments->json, "One JSON document");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace paceline
