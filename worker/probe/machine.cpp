#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <sys/utsname.h>

#include "common/base/error.h"
#include "worker/probe/gpus.h"
#include "worker/probe/hardware.h"
#include "worker/probe/probe.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

using probe::HardwareTopology;

constexpr const char* cpuinfo = "/proc/cpuinfo";

// Flags that come and go with mitigations, firmware or power management say nothing of speed; a
// machine's id keeps those of its vector units.
bool is_instruction_set(std::string_view flag) {
  constexpr std::array<std::string_view, 13> prefixes = {
      "sse",     "ssse3", "avx",  "fma",   "f16c", "bmi", "amx",
      "vpclmul", "vaes",  "neon", "asimd", "sve",  "bf16"};
  return std::ranges::any_of(prefixes, [&](auto prefix) { return flag.starts_with(prefix); });
}

std::vector<std::string> instruction_sets() {
  auto flags = probe::find_value(cpuinfo, "flags", ':');
  if (!flags) flags = probe::find_value(cpuinfo, "Features", ':');
  std::vector<std::string> sets;
  for (std::string& flag : probe::split_words(flags.value_or(""))) {
    if (is_instruction_set(flag)) sets.push_back(std::move(flag));
  }
  std::ranges::sort(sets);
  return sets;
}

std::vector<Machine::Cache> caches_of(const HardwareTopology& topology) {
  constexpr std::array types = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE,
                                HWLOC_OBJ_L4CACHE};
  std::vector<Machine::Cache> caches;
  for (const hwloc_obj_type_t type : types) {
    // Caches of one level are alike; unlike ones (big and little cores) are each told once.
    probe::for_each_object(topology, type, [&](hwloc_obj_t object) {
      const Machine::Cache cache{.level = static_cast<int>(object->attr->cache.depth),
                                 .bytes = static_cast<std::int64_t>(object->attr->cache.size),
                                 .shared_by = hwloc_bitmap_weight(object->cpuset)};
      if (std::ranges::find(caches, cache) == caches.end()) caches.push_back(cache);
    });
  }
  return caches;
}

std::int64_t memory_bytes_rounded() {
  const auto total = probe::find_value("/proc/meminfo", "MemTotal", ':');
  if (!total) return 0;
  constexpr std::int64_t gib = std::int64_t{1} << 30;
  return (std::stoll(*total) * 1024 + gib / 2) / gib * gib;
}

// The hypervisor's signature in CPUID leaf 0x40000000 (kernel: arch/x86/kernel/cpu/hypervisor.c).
#if defined(__x86_64__)
std::string hypervisor_signature() {
  std::array<unsigned, 3> words{};
  unsigned leaf = 0x40000000;
  __asm__("cpuid" : "+a"(leaf), "=b"(words[0]), "=c"(words[1]), "=d"(words[2]));
  const std::string_view text(reinterpret_cast<const char*>(words.data()), sizeof(words));
  return std::string(text.substr(0, text.find('\0')));
}
#else
std::string hypervisor_signature() { return {}; }
#endif

std::string hypervisor() {
  const auto flags = probe::find_value(cpuinfo, "flags", ':');
  if (!flags) return "unavailable";
  const auto words = probe::split_words(*flags);
  if (std::ranges::find(words, "hypervisor") == words.end()) return "none";
  static const std::map<std::string, std::string, std::less<>> names = {
      {"KVMKVMKVM", "kvm"},    {"VMwareVMware", "vmware"}, {"Microsoft Hv", "hyperv"},
      {"XenVMMXenVMM", "xen"}, {"bhyve bhyve ", "bhyve"},  {"TCGTCGTCGTCG", "qemu"},
      {"ACRNACRNACRN", "acrn"}};
  const auto known = names.find(hypervisor_signature());
  return known == names.end() ? "unavailable" : known->second;
}

}  // namespace

Machine probe_machine() {
  utsname system{};
  ::uname(&system);
  const HardwareTopology topology = probe::load_hardware_topology();
  return {.cpu_model = probe::find_value(cpuinfo, "model name", ':').value_or("unavailable"),
          .architecture = system.machine,
          .isa = instruction_sets(),
          .cores = probe::object_count(topology, HWLOC_OBJ_CORE),
          .hardware_threads = probe::object_count(topology, HWLOC_OBJ_PU),
          .numa_nodes = probe::object_count(topology, HWLOC_OBJ_NUMANODE),
          .caches = caches_of(topology),
          .memory_bytes = memory_bytes_rounded(),
          .hypervisor = hypervisor(),
          .gpus = probe_gpus()};
}

Topology probe_topology() {
  const HardwareTopology hardware = probe::load_hardware_topology();
  Topology topology{.cpus = usable_cpus()};
  for (const Machine::Cache& cache : caches_of(hardware)) {
    topology.last_level_cache_bytes = cache.bytes;
    if (cache.shared_by <= 2) {
      topology.largest_private_cache_bytes =
          std::max(topology.largest_private_cache_bytes, cache.bytes);
    }
  }
  return topology;
}

std::int64_t available_memory_bytes() {
  const auto available = probe::find_value("/proc/meminfo", "MemAvailable", ':');
  if (!available) throw unavailable("no MemAvailable in /proc/meminfo");
  return std::stoll(*available) * 1024;
}

}  // namespace paceline
