#include "common/graph/machine.h"

#include <set>

namespace paceline {

MachineId Machine::id() const {
  Hasher hasher("machine/1");
  hasher.add(cpu_model).add(architecture).add(isa.size());
  for (const std::string& feature : isa) hasher.add(feature);
  hasher.add(cores).add(hardware_threads).add(numa_nodes).add(caches.size());
  for (const Cache& cache : caches) hasher.add(cache.level).add(cache.bytes).add(cache.shared_by);
  hasher.add(memory_bytes).add(hypervisor).add(gpus.size());
  for (const Gpu& gpu : gpus) {
    hasher.add(gpu.model).add(gpu.architecture).add(gpu.multiprocessors).add(gpu.memory_bytes);
    hasher.add(gpu.l2_bytes).add(gpu.power_limit_watts).add(gpu.ecc).add(gpu.link);
  }
  return {hasher.finish()};
}

std::string Machine::model_key() const {
  std::set<std::string> models;
  for (const Gpu& gpu : gpus) models.insert(gpu.model);
  std::string key = architecture + " " + cpu_model;
  for (const std::string& model : models) key += " + " + model;
  return key;
}

EnvironmentId Environment::id() const {
  Hasher hasher("environment/1");
  hasher.add(os).add(kernel).add(governor).add(cuda_driver).add(threads).add(settings.size());
  for (const auto& [name, value] : settings) hasher.add(name).add(value);
  return {hasher.finish()};
}

}  // namespace paceline
