#include <sched.h>

#include <algorithm>

#include "worker/probe/cpu_choice.h"
#include "worker/probe/hardware.h"
#include "worker/probe/probe.h"

namespace paceline {

namespace {

std::vector<probe::HardwareThread> usable_threads() {
  // What a machine is made of stays; what the process may use does not.
  static const std::vector<probe::HardwareThread> all =
      probe::hardware_threads(probe::load_hardware_topology().get());
  std::vector<probe::HardwareThread> usable = all;
  cpu_set_t set;
  // Refused where the machine has more than 1024: then all count.
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    std::erase_if(usable, [&](const probe::HardwareThread& thread) {
      return !CPU_ISSET(static_cast<unsigned>(thread.cpu), &set);
    });
  }
  return probe::best_first(std::move(usable));
}

}  // namespace

std::vector<int> usable_cpus() {
  std::vector<int> cpus;
  for (const probe::HardwareThread& thread : usable_threads()) cpus.push_back(thread.cpu);
  return cpus;
}

std::vector<int> cpus_for_pool(int threads) { return probe::pool_cpus(usable_threads(), threads); }

}  // namespace paceline
