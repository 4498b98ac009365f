#include <cstdlib>

#include <sys/utsname.h>

#include "worker/probe/gpus.h"
#include "worker/probe/probe.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

constexpr const char* unavailable_text = "unavailable";

// "always [madvise] never" is "madvise".
std::string huge_pages() {
  const auto line = probe::first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  if (!line) return unavailable_text;
  const std::size_t open = line->find('[');
  const std::size_t close = line->find(']');
  if (open == line->npos || close == line->npos) return unavailable_text;
  return line->substr(open + 1, close - open - 1);
}

// Variables that change what libraries do behind a kernel's back.
void add_variables(std::map<std::string, std::string>& settings) {
  for (const char* name :
       {"OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_WAIT_POLICY", "KMP_AFFINITY", "OPENBLAS_CORETYPE",
        "OPENBLAS_NUM_THREADS", "ONEDNN_MAX_CPU_ISA", "MALLOC_ARENA_MAX", "LD_PRELOAD",
        "CUDA_VISIBLE_DEVICES", "CUDA_MODULE_LOADING"}) {
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0') {
      settings[name] = value;
    }
  }
}

}  // namespace

Environment probe_environment(int threads) {
  utsname system{};
  ::uname(&system);
  Environment environment{
      .os = probe::find_value("/etc/os-release", "PRETTY_NAME", '=').value_or(unavailable_text),
      .kernel = system.release,
      .governor = probe::first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
                      .value_or(unavailable_text),
      .cuda_driver = probe_cuda_driver(),
      .threads = threads,
      .settings = {{"transparent_hugepage", huge_pages()}}};
  add_variables(environment.settings);
  return environment;
}

std::string host_name() {
  utsname system{};
  ::uname(&system);
  return system.nodename;
}

}  // namespace paceline
