#include "worker/measure/sitting.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <new>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "kernels/device_runtime.h"
#include "worker/execute/pool.h"
#include "worker/measure/correctness.h"
#include "worker/measure/rivals.h"
#include "worker/measure/shrink.h"
#include "worker/measure/stage.h"
#include "worker/probe/conditions.h"
#include "worker/probe/text_files.h"

namespace paceline {
namespace {

using namespace std::chrono_literals;

// Ten thousand times the resolution of the clock, and of the cost of reading it.
constexpr double sample_seconds = 500e-6;
constexpr int samples_per_block = 3;
// Longer samples are taken once a block.
constexpr double long_sample_seconds = 20e-3;
// A call this long fills the caches itself, whoever ran before it.
constexpr double warm_call_seconds = 50e-3;
// A long first call this far behind the shortest of the rivals' is the only one: whatever it owes
// to cold caches and fresh pages, more calls would not bring the kernel back.
constexpr double hopeless_ratio = 8;
// Activity is told in ticks of 10 ms, so that shorter spans say nothing of the load.
constexpr Duration activity_span = 100ms;

// How much faster than the f32 peak a number format may be on any unit known (AMX, bf16 dot
// products), and how far a calibration on a busy machine may fall short of the peak.
constexpr double flops_margin = 2;
constexpr double narrow_format_gain = 16;
constexpr double bytes_margin = 3;

// One kernel of the sitting.
struct Candidate {
  const Kernel* kernel = nullptr;
  std::int32_t index = 0;  // In the request.
  Outcome outcome = Outcome::ok;
  std::string reason;
  TensorError error;
  double first_call_s = 0;  // Of the check.
  std::int64_t peak_resident_bytes = 0;
  std::unique_ptr<Instance> instance;

  bool may_race() const { return outcome == Outcome::ok && reason.empty(); }
};

class Sitting {
 public:
  Sitting(const SittingRequest& request, const OpSet& ops, std::span<const Kernel> kernels,
          int threads, const std::function<void(std::int32_t)>& begin_step)
      : request_(request),
        op_(ops.get(request.workload.op)),
        kernels_(kernels),
        threads_(threads),
        begin_step_(begin_step),
        operands_(op_, request.workload, request.seed) {}

  std::vector<SittingResult> run();

 private:
  void check_all();
  void check(Candidate& candidate, Correctness& correctness);
  void screen_first_calls();
  const Kernel* plain_kernel() const;
  std::vector<SittingResult> time_in(Regime regime);
  TimedRival make_rival(Candidate& candidate, Regime regime);
  void judge(const Race& race, const TimedRival& rival, bool narrows, Measurement& measurement) const;
  std::optional<std::string> implausible(const Measurement& measurement, bool narrows) const;
  std::optional<double> clock_now() const;
  Measurement describe(const Candidate& candidate, Regime regime) const;

  const SittingRequest& request_;
  const Op& op_;
  std::span<const Kernel> kernels_;
  int threads_;
  const std::function<void(std::int32_t)>& begin_step_;
  Operands operands_;
  Device device_;  // Of all candidates.
  std::unique_ptr<Stage> stage_;
  std::vector<Candidate> candidates_;
  std::int32_t method_ = method_checked_in_full;
  ActivitySample activity_ = sample_activity();  // When the last span of watching began.
};

// Linux resets the high-water mark of resident memory on this word (proc(5), clear_refs).
void reset_peak_resident() { std::ofstream("/proc/self/clear_refs") << "5"; }

std::int64_t peak_resident_bytes() {
  const auto peak = probe::find_value("/proc/self/status", "VmHWM", ':');
  return peak ? std::stoll(*peak) * 1024 : 0;
}

std::vector<SittingResult> Sitting::run() {
  for (std::size_t i = 0; i < request_.kernels.size(); ++i) {
    const auto found = std::ranges::find(kernels_, request_.kernels[i],
                                         [](const Kernel& kernel) { return kernel.info.name; });
    if (found == kernels_.end()) throw invalid("no kernel of this name: {}", request_.kernels[i]);
    candidates_.push_back({.kernel = &*found, .index = static_cast<std::int32_t>(i)});
  }
  if (!candidates_.empty()) device_.kind = candidates_.front().kernel->info.device;
  if (device_.kind == DeviceKind::cuda) device_.index = request_.cuda_index;
  for (const Candidate& candidate : candidates_) {
    if (candidate.kernel->info.device == device_.kind) continue;
    throw invalid("kernels of one sitting must be of one kind of device: {} and {}",
                  candidates_.front().kernel->info.name, candidate.kernel->info.name);
  }
  begin_step_(-1);
  stage_ = open_stage(device_, request_.workload, operands_, threads_);
  // What others may be compared with comes first.
  std::ranges::stable_sort(candidates_, {}, [](const Candidate& candidate) {
    const KernelInfo& info = candidate.kernel->info;
    return std::pair(info.precision == Precision::narrows, -info.expected_efficiency);
  });
  check_all();
  screen_first_calls();
  std::vector<SittingResult> results;
  for (const Regime regime : request_.regimes) {
    std::ranges::move(time_in(regime), std::back_inserter(results));
  }
  return results;
}

const Kernel* Sitting::plain_kernel() const {
  const auto found = std::ranges::find_if(kernels_, [&](const Kernel& kernel) {
    return kernel.info.is_plain && kernel.info.device == device_.kind &&
           !refusal(kernel.info, request_.workload);
  });
  return found == kernels_.end() ? nullptr : &*found;
}

void Sitting::check_all() {
  begin_step_(-1);
  Correctness correctness(op_, request_.workload, operands_, *stage_, device_, plain_kernel(),
                          request_.seed, threads_);
  method_ = correctness.method();
  for (Candidate& candidate : candidates_) {
    begin_step_(candidate.index);
    check(candidate, correctness);
    if (candidate.outcome != Outcome::ok) candidate.instance.reset();
  }
  begin_step_(-1);
}

// A kernel that throws did its work badly, which is a result.
void Sitting::check(Candidate& candidate, Correctness& correctness) {
  const auto fail = [&](Outcome outcome, std::string reason) {
    candidate.outcome = outcome;
    candidate.reason = std::move(reason);
  };
  if (const auto reason = refusal(candidate.kernel->info, request_.workload)) {
    return fail(Outcome::unsupported, *reason);
  }
  try {
    reset_peak_resident();
    const Checked checked = correctness.check(*candidate.kernel);
    candidate.error = checked.error;
    candidate.first_call_s = checked.first_call_s;
    if (checked.wrong) fail(Outcome::wrong, *checked.wrong);
    candidate.instance = stage_->open(*candidate.kernel);
    candidate.peak_resident_bytes = peak_resident_bytes();
  } catch (const kernels::DeviceLost&) {
    throw;  // Nothing more can be measured by this process.
  } catch (const std::bad_alloc&) {
    fail(Outcome::out_of_memory, "an allocation failed");
  } catch (const Error& error) {
    fail(error.kind() == ErrorKind::unsupported ? Outcome::unsupported
         : error.kind() == ErrorKind::exhausted ? Outcome::out_of_memory
                                                : Outcome::crashed,
         error.what());
  } catch (const std::exception& error) {
    fail(Outcome::crashed, fmt::format("threw: {}", error.what()));
  }
}

void Sitting::screen_first_calls() {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates_) {
    if (!candidate.may_race()) continue;
    if (best == nullptr || candidate.first_call_s < best->first_call_s) best = &candidate;
  }
  for (Candidate& candidate : candidates_) {
    if (!candidate.may_race() || candidate.first_call_s < long_sample_seconds) continue;
    const double ratio = candidate.first_call_s / best->first_call_s;
    if (ratio < hopeless_ratio) continue;
    candidate.reason = fmt::format("timed by its first call alone, {:.0f} times as long as {}'s",
                                   ratio, best->kernel->info.name);
  }
}

TimedRival Sitting::make_rival(Candidate& candidate, Regime regime) {
  TimedRival rival;
  const bool fills_caches = candidate.first_call_s > warm_call_seconds;
  rival.sample = [this, &candidate, regime, fills_caches](int calls) {
    begin_step_(candidate.index);
    return candidate.instance->sample(regime, calls, fills_caches);
  };
  if (candidate.first_call_s > long_sample_seconds) return rival;
  const bool repeats = regime == Regime::hot || stage_->repeats_cold();
  rival.calls = repeats ? calls_for(rival, sample_seconds) : 1;
  const bool is_long = rival.sample(rival.calls).seconds > long_sample_seconds;
  rival.samples_per_block = is_long ? 1 : samples_per_block;
  return rival;
}

std::optional<double> Sitting::clock_now() const {
  const auto clock = stage_->clock();
  return clock ? clock->mhz : clock_mhz();
}

std::vector<SittingResult> Sitting::time_in(Regime regime) {
  const Time started = now();
  const ActivitySample before = activity_;
  const Duration watched(monotonic_ns() - before.time_ns);
  if (watched < activity_span) std::this_thread::sleep_for(activity_span - watched);
  const ActivitySample begin = sample_activity();
  activity_ = begin;
  const auto clock_before = clock_now();

  std::vector<TimedRival> rivals;
  std::vector<Candidate*> racing;
  for (Candidate& candidate : candidates_) {
    if (!candidate.may_race()) continue;
    rivals.push_back(make_rival(candidate, regime));
    racing.push_back(&candidate);
  }
  const Race finished = race(std::move(rivals), request_.budget, request_.seed);
  begin_step_(-1);

  const ActivitySample end = sample_activity();
  const auto device_clock = stage_->clock();
  std::vector<SittingResult> results;
  for (const Candidate& candidate : candidates_) {
    Measurement measurement = describe(candidate, regime);
    measurement.started = started;
    measurement.finished = now();
    measurement.conditions = {
        .load_before = foreign_cores(before, begin),
        .load_after = foreign_cores(begin, end),
        .steal_fraction = steal_fraction(begin, end),
        .clock_mhz_before = clock_before,
        .clock_mhz_after = device_clock ? device_clock->mhz : clock_mhz(),
        .throttle = device_clock ? device_clock->throttle : throttle_reasons()};
    const bool narrows = candidate.kernel->info.precision == Precision::narrows;
    const auto place = std::ranges::find(racing, &candidate);
    if (place != racing.end()) {
      judge(finished, finished.rivals[place - racing.begin()], narrows, measurement);
    } else if (candidate.outcome == Outcome::ok) {
      TimedRival alone;
      alone.samples_s = {candidate.first_call_s};
      alone.blocks = {0};
      judge(finished, alone, narrows, measurement);
    }
    results.push_back({candidate.kernel->info.name, std::move(measurement)});
  }
  return results;
}

Measurement Sitting::describe(const Candidate& candidate, Regime regime) const {
  Measurement measurement;
  measurement.id = MeasurementId::random();
  measurement.kernel = candidate.kernel->info.id();
  measurement.workload = request_.workload.id();
  measurement.device = device_.kind;
  measurement.regime = regime;
  measurement.outcome = candidate.outcome;
  measurement.reason = candidate.reason;
  measurement.error_relative = candidate.error.relative;
  measurement.error_elementwise = candidate.error.elementwise;
  measurement.method = method_;
  measurement.seed = request_.seed;
  measurement.peak_resident_bytes = candidate.peak_resident_bytes;
  if (candidate.instance) measurement.workspace_bytes = candidate.instance->workspace_bytes();
  return measurement;
}

void Sitting::judge(const Race& race, const TimedRival& rival, bool narrows,
                    Measurement& measurement) const {
  measurement.samples_s = rival.samples_s;
  measurement.blocks = rival.blocks;
  measurement.discarded = rival.discarded;
  measurement.calls_per_sample = rival.calls;
  measurement.noise_floor = race.noise_floor;
  const auto pollute = [&](std::string reason) {
    measurement.outcome = Outcome::polluted;
    measurement.reason = std::move(reason);
  };
  const std::size_t taken = rival.samples_s.size() + rival.discarded.size();
  if (rival.samples_s.empty() || 2 * rival.discarded.size() > taken) {
    return pollute(fmt::format("{} of {} samples disturbed, the last: {}", rival.discarded.size(),
                               taken, rival.discarded.back().cause));
  }
  measurement.summary = rival.summary();
  if (auto reason = implausible(measurement, narrows)) {
    measurement.summary = {};
    pollute(*std::move(reason));
  }
}

std::optional<std::string> Sitting::implausible(const Measurement& measurement,
                                                bool narrows) const {
  for (const double seconds : measurement.samples_s) {
    if (!(seconds > 0) || !std::isfinite(seconds)) {
      return fmt::format("a sample of {} s", seconds);
    }
  }
  const Stage::Peaks peaks = stage_->peaks().value_or(
      Stage::Peaks{request_.roofline.flops_per_s, request_.roofline.bytes_per_s});
  const double median_s = measurement.summary.median_s;
  const bool may_compute_narrowly =
      narrows || !std::ranges::all_of(request_.workload.inputs, [](const OperandType& type) {
        return size_bytes(type.dtype) >= 4;
      });
  const double flops_per_s_max =
      peaks.flops_per_s * flops_margin * (may_compute_narrowly ? narrow_format_gain : 1);
  const double flops_s = flops_of(op_, request_.workload) / flops_per_s_max;
  if (median_s < flops_s) {
    return fmt::format("faster than the roofline: {:.3g} s, its flops take {:.3g} s", median_s,
                       flops_s);
  }
  const double bytes_s = bytes_of(op_, request_.workload) / (peaks.bytes_per_s * bytes_margin);
  if (measurement.regime == Regime::cold && median_s < bytes_s) {
    return fmt::format("faster than the roofline: {:.3g} s, its bytes take {:.3g} s from memory",
                       median_s, bytes_s);
  }
  return std::nullopt;
}

}  // namespace

std::vector<SittingResult> sit(const SittingRequest& request, const OpSet& ops,
                               std::span<const Kernel> kernels, int threads,
                               const std::function<void(std::int32_t kernel)>& begin_step) {
  Pool pool(threads);
  return pool.execute([&] { return Sitting(request, ops, kernels, threads, begin_step).run(); });
}

}  // namespace paceline
