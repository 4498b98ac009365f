#include "worker/daemon/daemon.h"

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/base/error.h"
#include "common/base/log.h"
#include "kernels/all_kernels.h"
#include "worker/dispatch/dispatch.h"
#include "worker/probe/probe.h"

namespace paceline {

namespace {

using namespace std::chrono_literals;

constexpr Duration poll_time = 200ms;
constexpr std::int64_t silence_ns = 15'000'000'000;

// The same for all containers of one running kernel, and for nothing else.
std::string host_resource() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  if (!(file >> boot)) boot = host_name();
  return "memory-bandwidth/" + boot;
}

}  // namespace

wire::Hello introduce(int threads, const std::string& name) {
  wire::Hello hello;
  hello.worker = WorkerId::random();
  hello.name = name.empty() ? fmt::format("{}/{}", host_name(), ::getpid()) : name;
  hello.resource = host_resource();
  hello.machine = probe_machine();
  hello.environment = probe_environment(threads);
  hello.kernels = infos_of(kernels::all_kernels());
  return hello;
}

WorkerDaemon::WorkerDaemon(wire::Hello hello, wire::ClientSocket& socket, Spool& spool)
    : socket_(socket), spool_(spool), duty_(hello), measuring_(hello.kernels) {}

void WorkerDaemon::run(const StopSignal& stop) {
  perform(duty_.start(monotonic_ns()));
  silence_told_ns_ = monotonic_ns();
  bool is_draining = false;
  while (!is_done_) {
    if (stop.count() > 1) {
      log::warning("worker-stopped-at-once");
      std::_Exit(1);  // The measuring thread may be in a long sitting; its child dies with us.
    }
    if (stop.count() == 1 && !std::exchange(is_draining, true)) {
      log::info("worker-drains");
      perform(duty_.drain(monotonic_ns()));
    }
    receive();
    while (auto result = measuring_.take_result()) {
      perform(duty_.finish_sitting(monotonic_ns(), *std::move(result)));
    }
    perform(duty_.tick(monotonic_ns()));
    report_silence(monotonic_ns());
  }
}

void WorkerDaemon::receive() {
  try {
    auto message = socket_.receive(poll_time, measuring_.descriptor());
    for (; message; message = socket_.receive(0ms)) {
      if (const auto* refused = std::get_if<wire::Refused>(&*message)) {
        log::error("refused", {{"reason", refused->reason}});
      }
      perform(duty_.receive(monotonic_ns(), *message));
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid && error.kind() != ErrorKind::unsupported) throw;
    log::warning("message-refused", {{"reason", error.what()}});
    socket_.send(wire::Unsupported{wire::protocol_version, error.what()});
  }
}

void WorkerDaemon::report_silence(std::int64_t now_ns) {
  const bool is_in_touch = duty_.is_in_touch(now_ns, silence_ns);
  if (is_in_touch && !was_in_touch_) log::info("in-touch", {{"coordinator", socket_.endpoint()}});
  if (!is_in_touch && now_ns - silence_told_ns_ > silence_ns) {
    silence_told_ns_ = now_ns;
    log::warning("coordinator-silent", {{"endpoint", socket_.endpoint()},
                                        {"remedy", "is it running, and this key on its list?"}});
  }
  was_in_touch_ = is_in_touch;
}

void WorkerDaemon::perform(const std::vector<Duty::Action>& actions) {
  for (const Duty::Action& action : actions) {
    std::visit([this](const auto& one) { perform(one); }, action);
  }
}

void WorkerDaemon::perform(const Duty::StartSitting& action) {
  log::info("sitting-started", {{"task", action.lease.task},
                                {"lease", action.lease.id},
                                {"kind", action.lease.kind},
                                {"block", action.sitting.block},
                                {"kernels", action.sitting.kernels.size()},
                                {"paths", action.lease.paths.size()},
                                {"workload", action.lease.workload}});
  measuring_.start(action);
}

void WorkerDaemon::perform(const Duty::InterruptSitting&) {
  log::info("sitting-interrupted");
  measuring_.interrupt();
}

void WorkerDaemon::perform(const Duty::KeepResult& action) {
  log::info("sitting-ended", {{"task", action.result.task},
                              {"lease", action.result.lease},
                              {"measurements", action.result.measurements.size()},
                              {"path_measurements", action.result.path_measurements.size()},
                              {"seconds", action.result.seconds}});
  spool_.keep(action.result);
  socket_.send(action.result);
}

void WorkerDaemon::perform(const Duty::ResendResults&) {
  for (const wire::Result& result : spool_.results()) socket_.send(result);
}

void WorkerDaemon::perform(const Duty::Leave&) {
  log::info("worker-left");
  is_done_ = true;
}

}  // namespace paceline
