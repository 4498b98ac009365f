#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/id.h"
#include "common/base/time.h"
#include "common/graph/device.h"

namespace paceline {

// What caches hold when a sample starts.
enum class Regime { cold, hot };
std::string_view to_string(Regime regime);
std::optional<Regime> parse_regime(std::string_view name);

enum class Outcome { ok, wrong, unsupported, timeout, crashed, out_of_memory, polluted };
std::string_view to_string(Outcome outcome);
std::optional<Outcome> parse_outcome(std::string_view name);

// An interval of medians from order statistics, in seconds per call.
struct Summary {
  double median_s = 0;
  double low_s = 0;  // 95 % interval of the median over blocks.
  double high_s = 0;
  double minimum_s = 0;
  int samples = 0;
  int blocks = 0;

  double relative_width() const { return median_s > 0 ? (high_s - low_s) / median_s : 0; }
};

// One kernel on one workload, machine, environment and regime, with the method that gave it.
// Immutable once stored; never overwritten.
struct Measurement {
  MeasurementId id;
  KernelId kernel;
  WorkloadId workload;
  MachineId machine;
  EnvironmentId environment;
  DeviceKind device = DeviceKind::cpu;
  Regime regime = Regime::hot;
  Outcome outcome = Outcome::ok;
  std::string reason;  // Why not ok; one line.
  Summary summary;     // Only when ok.

  // Raw: samples_s[i] is the time of one call in seconds (a batch's time divided by its calls),
  // taken in block blocks[i]; discarded samples stay, with their cause.
  std::vector<double> samples_s;
  std::vector<std::int32_t> blocks;
  struct Discarded {
    double seconds = 0;
    std::int32_t block = 0;
    std::string cause;
  };
  std::vector<Discarded> discarded;

  double error_relative = 0;  // Against the double reference, on this workload.
  double error_elementwise = 0;

  // Method and conditions.
  std::int32_t method = 1;  // Version of the measuring procedure.
  std::uint64_t seed = 0;   // Of inputs and block order.
  std::int32_t calls_per_sample = 1;
  double noise_floor = 0;  // Relative A/A difference of the sitting.
  std::int64_t workspace_bytes = 0;
  std::int64_t peak_resident_bytes = 0;
  struct Conditions {
    double load_before = 0;  // Foreign CPU use, in cores.
    double load_after = 0;
    double steal_fraction = 0;
    std::optional<double> clock_mhz_before;  // nullopt: unavailable.
    std::optional<double> clock_mhz_after;
    std::string throttle;  // "none", "unavailable", or the reasons.
  } conditions;

  Time started;
  Time finished;
  std::string node;  // Host name.
  std::optional<CampaignId> campaign;
  std::optional<TaskId> task;
  std::optional<LeaseId> lease;
};

// What a dispatcher needs of one stored measurement.
struct Timing {
  MeasurementId measurement;
  KernelId kernel;
  std::string kernel_name;
  WorkloadId workload;
  MachineId machine;
  EnvironmentId environment;
  Regime regime = Regime::hot;
  Outcome outcome = Outcome::ok;
  std::string reason;
  Summary summary;
  double noise_floor = 0;
  double error_relative = 0;
  double error_elementwise = 0;
  Time finished;
};

// Two kernels on the same workload: is `a` faster than `b`?
enum class Verdict { faster, slower, tied, unknown };
std::string_view to_string(Verdict verdict);
// By intervals and the larger noise floor; unknown when either is not ok, or when they differ in
// workload, machine, environment or regime.
Verdict compare(const Measurement& a, const Measurement& b);
// Faster or slower when the intervals are apart and the medians differ by more than the noise
// floor; tied when both intervals together stay within the noise floor, or 5 %, of each other;
// unknown when the intervals are too wide to say.
Verdict compare(const Summary& a, const Summary& b, double noise_floor);

// The median of each block's samples, by block. Requires: as many blocks as samples.
std::map<std::int32_t, double> block_medians(const std::vector<double>& samples_s,
                                             const std::vector<std::int32_t>& blocks);

// The median over block medians with its distribution-free 95 % interval from order statistics
// (David and Nagaraja, Order Statistics, 2003, section 7.1; for benchmarks: Hoefler and Belli,
// SC 2015). Below 6 blocks no such interval exists; then it is the smallest and the largest, whose
// coverage is 1 - 2^(1 - blocks). Requires: as many blocks as samples.
Summary summarize(const std::vector<double>& samples_s, const std::vector<std::int32_t>& blocks);

}  // namespace paceline
