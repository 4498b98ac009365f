#include "worker/measure/measurer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/subprocess.h"
#include "kernels/all_kernels.h"
#include "worker/measure/child_process.h"
#include "worker/measure/host_lock.h"
#include "worker/probe/probe.h"
#include "worker/probe/roofline.h"

namespace paceline {
namespace {

std::vector<int> first_cpus(int threads) {
  std::vector<int> cpus = probe_topology().cpus;
  if (threads < 1 || threads > static_cast<int>(cpus.size())) {
    throw invalid("threads must be 1 to {} here: {}", cpus.size(), threads);
  }
  cpus.resize(threads);
  return cpus;
}

Measurer::Options with_defaults(Measurer::Options options) {
  if (options.child_command.empty()) {
    options.child_command = {program_folder() / "paceline-worker", "child"};
  }
  return options;
}

}  // namespace

struct Measurer::Impl {
  explicit Impl(Options given)
      : options(with_defaults(std::move(given))),
        cpus(first_cpus(options.threads)),
        machine(probe_machine()),
        environment(probe_environment(options.threads)),
        node(host_name()) {}

  ChildProcess& running_child();
  DeviceKind device_of(const std::string& kernel);
  std::variant<std::string, ChildDeath> ask(const std::string& request);
  // Asks what cannot blame a kernel; a death there is an error.
  std::string ask_plainly(const std::string& request);
  std::vector<std::string> kernels_for(const MeasureTask& task);
  std::vector<Measurement> sit_until_done(SittingRequest request);
  void blame(const ChildDeath& death, SittingRequest& request, std::vector<Measurement>& found);
  Measurement failure(const SittingRequest& request, const std::string& kernel, Regime regime,
                      const ChildDeath& death);

  Options options;
  std::vector<int> cpus;
  Machine machine;
  Environment environment;
  std::string node;
  std::optional<ChildProcess> child;
};

// Rows of a child from another build would be of kernels that the store does not know.
void check_build(const message::Catalogue& theirs, const std::vector<std::string>& command) {
  for (std::size_t i = 0; i < theirs.names.size(); ++i) {
    const Kernel* ours = kernels::find_kernel(theirs.names[i]);
    if (ours == nullptr || ours->info.id() == theirs.ids[i]) continue;
    throw unavailable(
        "the measuring program {} is of another build than this one: kernel {} is {} there and {} "
        "here; install both from one build",
        command.front(), theirs.names[i], theirs.ids[i].to_string(), ours->info.id().to_string());
  }
}

ChildProcess& Measurer::Impl::running_child() {
  if (!child) {
    const std::int64_t memory =
        options.memory_bytes_max > 0 ? options.memory_bytes_max : available_memory_bytes() / 10 * 9;
    child.emplace(ChildProcess::Options{.command = options.child_command,
                                        .cpus = cpus,
                                        .step_time_max = options.step_time_max,
                                        .memory_bytes_max = memory,
                                        .is_interrupted = options.is_interrupted});
    try {
      check_build(child->catalogue(), options.child_command);
    } catch (const Error&) {
      child.reset();
      throw;
    }
  }
  return *child;
}

// Requires: the child has the kernel.
DeviceKind Measurer::Impl::device_of(const std::string& kernel) {
  const message::Catalogue& known = running_child().catalogue();
  return known.devices[std::ranges::find(known.names, kernel) - known.names.begin()];
}

// A child that died or was interrupted is not asked again.
std::variant<std::string, ChildDeath> Measurer::Impl::ask(const std::string& request) {
  try {
    auto answer = running_child().ask(request);
    if (std::holds_alternative<ChildDeath>(answer)) child.reset();
    return answer;
  } catch (const Error&) {
    child.reset();
    throw;
  }
}

std::string Measurer::Impl::ask_plainly(const std::string& request) {
  auto answer = ask(request);
  if (const auto* death = std::get_if<ChildDeath>(&answer)) {
    throw unavailable("the measuring child died: {}", death->reason);
  }
  return std::get<std::string>(std::move(answer));
}

std::vector<std::string> Measurer::Impl::kernels_for(const MeasureTask& task) {
  if (task.kernels.empty()) {
    return message::read_names(
        ask_plainly(message::write(message::CandidatesRequest{task.workload, task.devices})));
  }
  const auto& known = running_child().catalogue().names;
  for (const std::string& kernel : task.kernels) {
    if (std::ranges::count(known, kernel) == 0) {
      throw invalid("no kernel of this name on this machine: {}", kernel);
    }
  }
  return task.kernels;
}

Measurement Measurer::Impl::failure(const SittingRequest& request, const std::string& kernel,
                                    Regime regime, const ChildDeath& death) {
  const auto& known = running_child().catalogue();
  Measurement measurement;
  measurement.id = MeasurementId::random();
  measurement.kernel = known.ids[std::ranges::find(known.names, kernel) - known.names.begin()];
  measurement.workload = request.workload.id();
  measurement.device = device_of(kernel);
  measurement.regime = regime;
  measurement.outcome = death.outcome;
  measurement.reason = death.reason;
  measurement.seed = request.seed;
  measurement.conditions.throttle = "unavailable";
  measurement.started = measurement.finished = now();
  return measurement;
}

// The kernel that was running, or all that are left when it was none.
void Measurer::Impl::blame(const ChildDeath& death, SittingRequest& request,
                           std::vector<Measurement>& found) {
  std::vector<std::string> guilty = request.kernels;
  if (death.kernel != Progress::no_kernel) guilty = {request.kernels.at(death.kernel)};
  for (const std::string& kernel : guilty) {
    log::warning("measuring-child-died", {{"kernel", kernel},
                                          {"workload", request.workload.to_text()},
                                          {"outcome", to_string(death.outcome)},
                                          {"reason", death.reason}});
    for (const Regime regime : request.regimes) {
      found.push_back(failure(request, kernel, regime, death));
    }
    std::erase(request.kernels, kernel);
  }
}

// Each death takes a kernel away, so this ends; but the first while no kernel ran, which may have
// come from elsewhere.
std::vector<Measurement> Measurer::Impl::sit_until_done(SittingRequest request) {
  std::vector<Measurement> found;
  bool has_pardoned = false;
  while (!request.kernels.empty()) {
    auto answer = ask(message::write(request));
    if (const auto* death = std::get_if<ChildDeath>(&answer)) {
      if (death->kernel == Progress::no_kernel && !std::exchange(has_pardoned, true)) {
        log::warning("measuring-child-died-idle",
                     {{"workload", request.workload.to_text()}, {"reason", death->reason}});
        continue;
      }
      blame(*death, request, found);
      continue;
    }
    for (SittingResult& result : message::read_results(std::get<std::string>(answer))) {
      found.push_back(std::move(result.measurement));
    }
    break;
  }
  return found;
}

Measurer::Measurer(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Measurer::~Measurer() = default;

const Machine& Measurer::machine() const { return impl_->machine; }
const Environment& Measurer::environment() const { return impl_->environment; }
const std::optional<Roofline>& Measurer::roofline() const { return impl_->options.roofline; }

std::vector<Measurement> Measurer::measure(const MeasureTask& task) {
  // Whoever times a GPU keeps its host's cores busy, too.
  const HostLock lock("cpu", impl_->options.lock_folder);
  if (!impl_->options.roofline) impl_->options.roofline = calibrate(impl_->options.threads);
  const std::vector<std::string> kernels = impl_->kernels_for(task);
  const Device gpu{DeviceKind::cuda, task.devices.cuda.value_or(0)};
  std::vector<Measurement> measurements;
  for (const DeviceKind device : {DeviceKind::cpu, DeviceKind::cuda}) {
    std::vector<std::string> rivals;
    std::ranges::copy_if(kernels, std::back_inserter(rivals), [&](const std::string& kernel) {
      return impl_->device_of(kernel) == device;
    });
    std::optional<HostLock> device_lock;
    if (device == DeviceKind::cuda && !rivals.empty()) {
      device_lock.emplace(lock_name(gpu), impl_->options.lock_folder);
    }
    std::ranges::move(impl_->sit_until_done({.workload = task.workload,
                                             .kernels = std::move(rivals),
                                             .regimes = task.regimes,
                                             .cuda_index = gpu.index,
                                             .seed = task.seed,
                                             .budget = task.budget,
                                             .roofline = *impl_->options.roofline}),
                      std::back_inserter(measurements));
  }
  for (Measurement& measurement : measurements) {
    measurement.machine = impl_->machine.id();
    measurement.environment = impl_->environment.id();
    measurement.node = impl_->node;
    measurement.campaign = task.campaign;
    measurement.task = task.task;
    measurement.lease = task.lease;
  }
  return measurements;
}

}  // namespace paceline
