#include "ops-tools/other_machine.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/error.h"
#include "kernels/all_kernels.h"

namespace paceline {
namespace {

std::vector<Machine> machines_of(Store& store) {
  std::vector<Machine> machines;
  for (const auto& row : store.query("select id from machine order by id").rows) {
    const auto id = MachineId::parse(row.at(0));
    check(id.has_value(), "a row's id is one");
    if (auto machine = store.find(*id)) machines.push_back(*std::move(machine));
  }
  return machines;
}

std::string text_of(const Machine& machine) {
  return fmt::format("{} ({})", machine.id().to_string().substr(0, 12), machine.model_key());
}

// Of the machine, of kernels or of whole paths.
std::vector<EnvironmentId> environments_of(Store& store, const MachineId& machine) {
  const QueryTable table = store.query(fmt::format(
      "select environment from (select environment, finished_ns from measurement where machine = "
      "'{0}' union all select environment, finished_ns from path_measurement where machine = "
      "'{0}') as timed group by environment order by max(finished_ns) desc",
      machine.to_string()));
  std::vector<EnvironmentId> ids;
  for (const auto& row : table.rows) {
    const auto id = EnvironmentId::parse(row.at(0));
    check(id.has_value(), "a row's environment is an id");
    ids.push_back(*id);
  }
  return ids;
}

bool has_isa(const KernelInfo& kernel, const Machine& machine) {
  return std::ranges::all_of(kernel.accepts.isa, [&](const std::string& isa) {
    return std::ranges::count(machine.isa, isa) > 0;
  });
}

// Of the kernels timed there, the last of each name first.
std::vector<KernelInfo> kernels_timed_on(Store& store, const Machine& machine) {
  const QueryTable table =
      store.query(fmt::format("select kernel from measurement where machine = '{}' group by kernel "
                              "order by max(finished_ns) desc",
                              machine.id().to_string()));
  std::vector<KernelInfo> kernels;
  for (const auto& row : table.rows) {
    const auto id = KernelId::parse(row.at(0));
    check(id.has_value(), "a row's kernel is an id");
    if (auto kernel = store.find(*id)) kernels.push_back(*std::move(kernel));
  }
  return kernels;
}

bool is_allowed(const KernelInfo& kernel, const Machine& machine, const DeviceSet& devices) {
  if (kernel.device == DeviceKind::cpu ? !devices.cpu : !devices.cuda) return false;
  return has_isa(kernel, machine);
}

}  // namespace

GraphDispatcher::Options::Elsewhere find_machine(Store& store, std::string_view name, int threads) {
  const std::vector<Machine> machines = machines_of(store);
  std::vector<Machine> meant;
  for (const Machine& machine : machines) {
    if (machine.id().to_string().starts_with(name) ||
        machine.model_key().find(name) != std::string::npos) {
      meant.push_back(machine);
    }
  }
  if (name.empty() || meant.size() != 1) {
    std::vector<std::string> known;
    for (const Machine& machine : meant.empty() ? machines : meant) {
      known.push_back(text_of(machine));
    }
    throw invalid(
        "--machine names one machine of the store, by its model or the first digits of "
        "its id; {} of these: {}: {}",
        meant.empty() ? "none" : "several", fmt::join(known, ", "), name);
  }
  const Machine& machine = meant.front();
  std::optional<Environment> newest;
  for (const EnvironmentId& id : environments_of(store, machine.id())) {
    auto environment = store.find(id);
    if (!environment) continue;
    if (environment->threads == threads) return {machine, *std::move(environment)};
    if (!newest) newest = std::move(environment);
  }
  if (!newest) throw unavailable("the store has no timings of this machine: {}", text_of(machine));
  newest->threads = threads;  // Its GPU's rows count all the same.
  return {machine, *std::move(newest)};
}

std::vector<Kernel> kernels_for(Store& store, const Machine& machine, const DeviceSet& devices) {
  if (devices.cuda && machine.gpus.empty()) {
    throw invalid("this machine has no GPU for --device {}: {}", devices.to_string(),
                  machine.model_key());
  }
  std::vector<Kernel> kernels;
  for (const Kernel& kernel : kernels::catalogued_kernels()) {
    if (is_allowed(kernel.info, machine, devices)) kernels.push_back(kernel);
  }
  for (KernelInfo& info : kernels_timed_on(store, machine)) {
    const auto is_same = [&](const Kernel& kernel) { return kernel.info.name == info.name; };
    if (!is_allowed(info, machine, devices) || std::ranges::any_of(kernels, is_same)) continue;
    kernels.push_back({.info = std::move(info)});
  }
  if (devices.cuda && std::ranges::none_of(kernels, [](const Kernel& kernel) {
        return kernel.info.device == DeviceKind::cuda;
      })) {
    throw unsupported("this program was built without CUDA kernels, and cannot speak of {}",
                      devices.to_string());
  }
  return kernels;
}

}  // namespace paceline
