#include "worker/daemon/measuring_thread.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/ops/all_ops.h"
#include "worker/daemon/path_sitting.h"

namespace paceline {

namespace {

constexpr Duration sitting_default = std::chrono::seconds(2);

// Another for each lease, so that a task that comes again draws other inputs and another order.
std::uint64_t seed_of(const LeaseId& lease) {
  std::uint64_t seed;
  std::memcpy(&seed, lease.digest.bytes.data(), sizeof seed);
  return seed;
}

}  // namespace

MeasuringThread::MeasuringThread(const std::vector<KernelInfo>& kernels)
    : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_ < 0) throw unavailable("no descriptor left: {}", std::strerror(errno));
  for (const KernelInfo& kernel : kernels) kernel_names_[kernel.id()] = kernel.name;
  thread_ = std::thread([this] { run(); });
}

MeasuringThread::~MeasuringThread() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
  ::close(descriptor_);
}

void MeasuringThread::start(Duty::StartSitting sitting) {
  is_interrupted_ = false;
  {
    const std::lock_guard lock(mutex_);
    sittings_.push_back(std::move(sitting));
  }
  changed_.notify_one();
}

std::optional<wire::Result> MeasuringThread::take_result() {
  const std::lock_guard lock(mutex_);
  std::uint64_t count;
  (void)!::read(descriptor_, &count, sizeof count);
  if (results_.empty()) return std::nullopt;
  wire::Result result = std::move(results_.front());
  results_.pop_front();
  return result;
}

void MeasuringThread::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_stopping_ || !sittings_.empty(); });
    if (is_stopping_) return;
    const Duty::StartSitting sitting = std::move(sittings_.front());
    sittings_.pop_front();
    lock.unlock();
    wire::Result result = hold(sitting);
    lock.lock();
    results_.push_back(std::move(result));
    const std::uint64_t one = 1;
    (void)!::write(descriptor_, &one, sizeof one);
  }
}

// Whatever goes wrong is the sitting's failure: the worker goes on.
wire::Result MeasuringThread::hold(const Duty::StartSitting& sitting) {
  wire::Result result;
  const std::int64_t began_ns = monotonic_ns();
  try {
    if (sitting.lease.kind == "study" || sitting.lease.kind == "race") {
      result = hold_path_sitting(sitting.lease, is_interrupted_);
      result.seconds = static_cast<double>(monotonic_ns() - began_ns) * 1e-9;
      return result;
    }
    Measurer& measurer = this->measurer(sitting.lease.threads);
    result.environment = measurer.environment();
    result.measurements = measurer.measure(task_of(sitting));
    result.roofline = measurer.roofline();
  } catch (const std::exception& error) {
    result.failure = error.what();
    log::warning("sitting-failed", {{"task", sitting.lease.task}, {"reason", error.what()}});
  }
  result.seconds = static_cast<double>(monotonic_ns() - began_ns) * 1e-9;
  return result;
}

Measurer& MeasuringThread::measurer(int threads) {
  auto& measurer = measurers_[threads];
  if (!measurer) {
    Measurer::Options options;
    options.threads = threads;
    options.is_interrupted = &is_interrupted_;
    measurer = std::make_unique<Measurer>(std::move(options));
  }
  return *measurer;
}

MeasureTask MeasuringThread::task_of(const Duty::StartSitting& sitting) const {
  const wire::Lease& lease = sitting.lease;
  if (lease.kind != "measure") throw unsupported("task of an unknown kind: {}", lease.kind);
  MeasureTask task{.workload = parse_workload(lease.workload, ops::all_ops())};
  for (const KernelId& kernel : sitting.sitting.kernels) {
    const auto name = kernel_names_.find(kernel);
    if (name == kernel_names_.end()) {
      throw unsupported("kernel that this worker did not announce: {}", kernel.to_string());
    }
    task.kernels.push_back(name->second);
  }
  task.regimes = sitting.sitting.regimes;
  task.seed = seed_of(lease.id);
  task.budget.time =
      lease.seconds_max > 0
          ? std::chrono::duration_cast<Duration>(std::chrono::duration<double>(lease.seconds_max))
          : sitting_default;
  task.campaign = lease.campaign;
  task.task = lease.task;
  task.lease = lease.id;
  return task;
}

}  // namespace paceline
