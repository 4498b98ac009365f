#include "worker/measure/child.h"

#include <fstream>

#include <sched.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "kernels/device_runtime.h"
#include "worker/measure/message.h"
#include "worker/measure/progress.h"

namespace paceline {
namespace {

void pin_to(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) {
    throw unavailable("cannot pin to {} cores", cpus.size());
  }
}

// Against other processes of its session, and, since Linux weighs sessions against each other
// (sched(7), autogroup), of its session against others. Only root may; others measure at the
// priority that they have, and their samples tell.
void ask_for_priority() {
  constexpr int highest = -20;
  std::ofstream autogroup("/proc/self/autogroup");
  autogroup << highest << std::flush;
  if (::setpriority(PRIO_PROCESS, 0, highest) != 0) log::debug("priority-not-raised");
}

// A crash is told by its status; its core file helps nobody and takes seconds to write.
void leave_no_core_file() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

message::Catalogue catalogue_of(std::span<const Kernel> kernels) {
  message::Catalogue catalogue;
  for (const Kernel& kernel : kernels) {
    catalogue.names.push_back(kernel.info.name);
    catalogue.ids.push_back(kernel.info.id());
    catalogue.devices.push_back(kernel.info.device);
  }
  return catalogue;
}

std::vector<std::string> candidates(std::span<const Kernel> kernels,
                                    const message::CandidatesRequest& request) {
  std::vector<std::string> names;
  for (const Kernel& kernel : kernels) {
    const Device device{kernel.info.device, request.devices.cuda.value_or(0)};
    if (!request.devices.contains(device)) continue;
    if (!refusal(kernel.info, request.workload)) names.push_back(kernel.info.name);
  }
  return names;
}

class Child {
 public:
  Child(const OpSet& ops, std::span<const Kernel> kernels, int threads)
      : ops_(ops), kernels_(kernels), threads_(threads) {}

  std::string answer(const std::string& request) {
    try {
      if (message::kind_of(request) == message::RequestKind::candidates) {
        return message::write(
            candidates(kernels_, message::read_candidates_request(request, ops_)));
      }
      return message::write(sit(message::read_sitting_request(request, ops_), ops_, kernels_,
                                threads_,
                                [&](std::int32_t kernel) { progress_.begin_step(kernel); }));
    } catch (const kernels::DeviceLost& error) {
      // The context is gone, for good; the parent starts another child.
      fmt::print(stderr, "{}\n", error.what());
      ::_exit(child_lost_its_device);
    } catch (const Error& error) {
      return message::write(error);
    } catch (const std::bad_alloc&) {
      return message::write(exhausted("no memory for the operands: {}", request));
    }
  }

 private:
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  int threads_;
  Progress progress_ = Progress::open(child_progress);
};

bool receive(message::FrameReader& reader, std::string& body) {
  while (!reader.take(body)) {
    if (!reader.receive(child_socket)) return false;
  }
  return true;
}

}  // namespace

int run_measure_child(const OpSet& ops, const std::function<std::span<const Kernel>()>& kernels) {
  message::FrameReader reader;
  std::string request;
  if (!receive(reader, request)) return 1;
  const message::Setup setup = message::read_setup(request);
  pin_to(setup.cpus);
  ask_for_priority();
  leave_no_core_file();
  const std::span<const Kernel> found = kernels();
  Child child(ops, found, static_cast<int>(setup.cpus.size()));
  if (!message::send_frame(child_socket, message::write(catalogue_of(found)))) return 1;
  while (receive(reader, request)) {
    if (!message::send_frame(child_socket, child.answer(request))) return 1;
  }
  return 0;
}

int run_measure_child() {
  return run_measure_child(
      ops::all_ops(), []() -> std::span<const Kernel> { return kernels::catalogued_kernels(); });
}

}  // namespace paceline
