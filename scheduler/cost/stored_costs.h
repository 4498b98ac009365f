#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/op.h"
#include "scheduler/cost/calibration.h"
#include "scheduler/cost/cost_source.h"
#include "scheduler/cost/family.h"
#include "scheduler/cost/interpolation.h"
#include "scheduler/cost/kernel_ids.h"

namespace paceline {

// Costs from rows of the timing store. For a kernel on a workload, the first of these that there
// is:
//  1. measured_here: the newest row of this kernel content on this machine and environment;
//  2. measured_model: the newest row of the kernel by name elsewhere: on the same model of machine,
//     or here under another environment or with another content of the kernel (stale);
//  3. interpolated: among the workloads of the same family (family.h) that this kernel content was
//     measured on here, by their extents (interpolation.h), with the records of the nearest;
//  4. roofline: the bound by the calibrated peaks of the kernel's device, times what this kernel
//  content made of
//     its bound here on other shapes (calibration.h); without such rows over the kernel's expected
//     efficiency, with an interval of a factor of four to each side.
// A failure on the same machine, newer than any success of the same content there, rules a kernel
// out.
//
// The first question for a workload costs microseconds to tens of them, each further one less than
// one: answers are kept.
class StoredCosts : public CostSource {
 public:
  struct Options {
    bool interpolates = true;  // Off: the roofline answers for all that was not measured.
    // Off: no answer from what a kernel's author expects of it, where no row of it says anything.
    bool expects = true;
  };

  // `timings` are of one regime, newest first, as Store::timings() gives them. Without a
  // roofline of its device there are no guesses on a kernel. `known` are workloads that rows may
  // name, to predict others from; rows of others answer for their own workload alone.
  StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
              std::vector<Timing> timings, Rooflines rooflines, std::vector<Workload> known = {});
  StoredCosts(const OpSet& ops, const Machine& machine, const Environment& environment,
              std::vector<Timing> timings, Rooflines rooflines, std::vector<Workload> known,
              Options options);
  StoredCosts(const StoredCosts&) = delete;
  StoredCosts& operator=(const StoredCosts&) = delete;

  std::optional<Estimate> estimate(const KernelInfo& kernel, const Workload& workload) override;
  std::optional<std::string> failure(const KernelInfo& kernel, const Workload& workload) override;

 private:
  struct Known {
    Known(Workload&& workload, const WorkloadId& id) : workload(std::move(workload)), id(id) {}
    Workload workload;
    WorkloadId id;
  };
  struct Family {
    std::vector<const Known*> members;
    std::optional<Axes> axes;  // Made when first asked for.
  };
  // What one kernel measured here of one family.
  struct Surface {
    std::vector<KnownValue> values;
    std::vector<MeasurementId> records;
  };
  struct Answer {
    int kernel = -1;
    const Timing* here = nullptr;
    std::optional<Estimate> estimate;
  };
  struct HashWorkload {
    std::size_t operator()(const Workload& workload) const;
  };

  void add_known(Workload&& workload, const WorkloadId& id);
  const Answer& answer(const KernelInfo& kernel, const Workload& workload);
  Answer find_answer(const KernelInfo& kernel, int number, const Workload& workload);
  const Timing* newest_here(int kernel, const WorkloadId& workload) const;
  std::optional<Estimate> from_elsewhere(const KernelInfo& kernel, int number,
                                         const WorkloadId& workload) const;
  std::optional<Estimate> from_neighbours(int kernel, const Workload& workload);
  std::optional<Estimate> from_roofline(const KernelInfo& kernel, int number,
                                        const Workload& workload);
  const Surface& surface(int kernel, Family& family);
  const Calibration& calibration(int kernel, const Roofline& roofline, const Workload& workload);

  const OpSet& ops_;
  MachineId machine_;
  EnvironmentId environment_;
  Rooflines rooflines_;
  Options options_;
  std::unordered_map<WorkloadId, std::vector<Timing>> timings_;  // Newest first.
  std::vector<Known> known_;
  std::unordered_map<std::string, Family> families_;
  // By op and first operand's dtype.
  std::map<std::pair<std::string, Dtype>, std::vector<const Known*>> alike_;
  KernelIds kernels_;
  std::map<std::pair<int, const Family*>, Surface> surfaces_;
  std::map<std::pair<int, Dtype>, Calibration> calibrations_;
  std::unordered_map<Workload, std::vector<Answer>, HashWorkload> answers_;
};

}  // namespace paceline
