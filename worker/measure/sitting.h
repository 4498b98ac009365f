#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel.h"
#include "worker/measure/measurer.h"

namespace paceline {

// What the child is asked: rivals on one workload and of one kind of device, by name, in the order
// by which steps are told.
struct SittingRequest {
  Workload workload;
  std::vector<std::string> kernels;
  std::vector<Regime> regimes;
  int cuda_index = 0;  // Of the GPU, for kernels of one.
  std::uint64_t seed = 1;
  MeasureBudget budget;
  Roofline roofline;
};

// What one sitting found of a kernel in a regime. Of the measurement it fills in all but machine,
// environment, node and the campaign's ids.
struct SittingResult {
  std::string kernel;
  Measurement measurement;
};

// Checks the rivals and times those that are right, interleaved. Calls `begin_step` before anything
// that may crash or hang, with the kernel's index in the request, or -1. Runs in an arena of
// `threads`. One result for each kernel and regime.
std::vector<SittingResult> sit(const SittingRequest& request, const OpSet& ops,
                               std::span<const Kernel> kernels, int threads,
                               const std::function<void(std::int32_t kernel)>& begin_step);

}  // namespace paceline
