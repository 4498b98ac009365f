#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "ops-tools/command.h"
#include "ops-tools/commands.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

nlohmann::json to_json(const Machine& machine) {
  nlohmann::json caches = nlohmann::json::array();
  for (const Machine::Cache& cache : machine.caches) {
    caches.push_back(
        {{"level", cache.level}, {"bytes", cache.bytes}, {"shared_by", cache.shared_by}});
  }
  nlohmann::json gpus = nlohmann::json::array();
  for (const Machine::Gpu& gpu : machine.gpus) {
    gpus.push_back({{"model", gpu.model},
                    {"architecture", gpu.architecture},
                    {"multiprocessors", gpu.multiprocessors},
                    {"memory_bytes", gpu.memory_bytes},
                    {"l2_bytes", gpu.l2_bytes},
                    {"power_limit_watts", gpu.power_limit_watts},
                    {"ecc", gpu.ecc},
                    {"link", gpu.link}});
  }
  return {{"id", machine.id().to_string()},
          {"cpu_model", machine.cpu_model},
          {"architecture", machine.architecture},
          {"isa", machine.isa},
          {"cores", machine.cores},
          {"hardware_threads", machine.hardware_threads},
          {"numa_nodes", machine.numa_nodes},
          {"caches", caches},
          {"memory_bytes", machine.memory_bytes},
          {"hypervisor", machine.hypervisor},
          {"gpus", gpus}};
}

nlohmann::json to_json(const Environment& environment) {
  return {{"id", environment.id().to_string()},     {"os", environment.os},
          {"kernel", environment.kernel},           {"governor", environment.governor},
          {"cuda_driver", environment.cuda_driver}, {"threads", environment.threads},
          {"settings", environment.settings}};
}

void print(const Machine& machine, const Environment& environment) {
  fmt::print("machine      {}\n", machine.id().to_string());
  fmt::print("cpu          {} ({})\n", machine.cpu_model, machine.architecture);
  fmt::print("cores        {} ({} hardware threads, {} NUMA nodes)\n", machine.cores,
             machine.hardware_threads, machine.numa_nodes);
  for (const Machine::Cache& cache : machine.caches) {
    fmt::print("cache L{}     {} shared by {}\n", cache.level, format_bytes(cache.bytes),
               cache.shared_by);
  }
  fmt::print("memory       {}\n", format_bytes(machine.memory_bytes));
  fmt::print("hypervisor   {}\n", machine.hypervisor);
  for (const Machine::Gpu& gpu : machine.gpus) {
    fmt::print("gpu          {} ({}, {} multiprocessors, {}, L2 {}, {} W, ECC {}, {})\n", gpu.model,
               gpu.architecture, gpu.multiprocessors, format_bytes(gpu.memory_bytes),
               format_bytes(gpu.l2_bytes), gpu.power_limit_watts, gpu.ecc, gpu.link);
  }
  fmt::print("environment  {}\n", environment.id().to_string());
  fmt::print("os           {}, kernel {}\n", environment.os, environment.kernel);
  fmt::print("governor     {}\n", environment.governor);
  fmt::print("threads      {}\n", environment.threads);
}

struct MachineArguments {
  int threads = 1;
  bool json = false;
};

void show(const MachineArguments& arguments) {
  const Machine machine = probe_machine();
  const Environment environment = probe_environment(arguments.threads);
  if (!arguments.json) return print(machine, environment);
  fmt::print(
      "{}\n",
      nlohmann::json{{"machine", to_json(machine)}, {"environment", to_json(environment)}}.dump(2));
}

}  // namespace

void add_machine_command(CLI::App& app) {
  auto arguments = std::make_shared<MachineArguments>();
  CLI::App* command = app.add_subcommand("machine", "What this machine is, as timings name it");
  command->add_option("--threads", arguments->threads, "Threads of the environment shown")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "One JSON document");
  command->callback([arguments] { show(*arguments); });
}

}  // namespace paceline
