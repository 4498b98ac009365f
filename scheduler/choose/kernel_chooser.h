#pragma once

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/graph.h"
#include "common/graph/kernel_info.h"
#include "common/graph/measurement.h"
#include "common/graph/path.h"
#include "common/graph/workload.h"
#include "scheduler/cost/cost_source.h"

namespace paceline {

enum class OnMiss {
  estimate,  // The roofline decides for what nobody measured.
  measure,   // The caller measures first (choose() then sees the rows).
  fail,      // An error that lists the workloads without a measurement.
};

struct ChooseOptions {
  double tolerance = 1e-4;  // Kernels whose measured error is above it are out.
  OnMiss on_miss = OnMiss::estimate;
  bool plain_only = false;  // The untuned baseline: plain kernels alone.
  // Also kernels that compute in fewer bits and were never measured: to find what to measure.
  bool takes_unmeasured = false;
  // Kernels whose step_error() is above it are out where one with less is in: what a path of many
  // steps allows each, see fit().
  double step_error_max = std::numeric_limits<double>::infinity();
  int cuda_index = 0;                             // Of the GPU that kernels for one are chosen for.
  std::optional<DeviceKind> only = std::nullopt;  // Kernels of other devices are out.
};

struct Rival {
  std::string kernel;
  std::optional<Estimate> estimate;
  Verdict verdict = Verdict::unknown;  // Of the chosen kernel against this one.
  std::string excluded;                // Why it was not a candidate; empty when it was.
};

struct NodeDecision {
  std::int32_t node = -1;
  Workload workload;
  std::string kernel;
  Device device;
  std::optional<Estimate> estimate;  // nullopt: the default, by nothing but its being there.
  double error = 0;                  // The chosen kernel's step_error().
  std::vector<Rival> rivals;         // Best first.
};

bool is_measured(const Estimate& estimate);

// What a whole graph may be off by: the tolerance, and no less than a graph of narrow floats is off
// by its own rounding. Throws `invalid` for a tolerance below what its outputs can hold.
double tolerance_of(const Graph& graph, double tolerance);

// What a kernel with this estimate adds to the error of a path: its measured error, where it
// approximates or narrows and that is more than rounding to the output's type; else 0. Class
// `narrows` is not taken unmeasured, and `approximates` stays near that rounding.
double step_error(const KernelInfo& kernel, const std::optional<Estimate>& estimate,
                  const Workload& workload);

// Which kernels may compute a workload, and which should. Borrows what it is made of. One thread.
class KernelChooser {
 public:
  struct Candidate {
    const KernelInfo* kernel = nullptr;
    std::optional<Estimate> estimate;
  };
  struct Candidates {
    std::vector<Candidate> usable;  // What an author expects most of first: the default.
    std::vector<Rival> excluded;
  };

  KernelChooser(std::span<const KernelInfo> kernels, CostSource& costs,
                const ChooseOptions& options)
      : kernels_(kernels), costs_(costs), options_(options) {}

  const ChooseOptions& options() const { return options_; }
  // Where a choice of the kernel runs.
  Device device_of(const KernelInfo& kernel) const;
  // The same with another step_error_max.
  KernelChooser with_steps_within(double step_error_max) const;
  // The same among the kernels of one kind of device.
  KernelChooser among(DeviceKind kind) const;

  Candidates candidates(const Workload& workload) const;
  // The fastest that is better founded than the default or beats it outside the noise; else the
  // default. Between guesses the lower one. Requires: some are usable.
  Candidate pick(const Candidates& candidates) const;
  // The one to pick, with its rivals. Throws `unsupported` with each kernel's reason when none
  // takes the workload.
  NodeDecision decide(const Workload& workload) const;
  // As told, with what is known of it and its rivals. Throws `unsupported` when that one is out.
  NodeDecision decide(const Workload& workload, std::string_view kernel) const;

 private:
  std::string exclusion(const Candidate& candidate, const Workload& workload) const;
  void leave_out_coarse(Candidates& found, const Workload& workload) const;

  std::span<const KernelInfo> kernels_;
  CostSource& costs_;
  ChooseOptions options_;
};

}  // namespace paceline
