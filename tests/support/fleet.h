#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/fleet/campaign.h"

// Small fleets and campaigns to test decisions with.
namespace paceline::testing {

class ListedUnits : public fleet::Units {
 public:
  explicit ListedUnits(std::vector<fleet::Unit> units) : units_(std::move(units)) {}
  std::int64_t count() const override { return static_cast<std::int64_t>(units_.size()); }
  fleet::Unit at(std::int64_t index) const override { return units_[index]; }

 private:
  std::vector<fleet::Unit> units_;
};

inline Workload numbered_workload(int number) {
  const OperandType operand{.dtype = Dtype::f32, .extents = {number + 1}};
  return {.op = "neg", .attributes = {}, .inputs = {operand}, .outputs = {operand}};
}

inline KernelInfo neg_kernel(const std::string& name) {
  KernelInfo kernel;
  kernel.name = name;
  kernel.op = "neg";
  kernel.library = "paceline";
  kernel.accepts.dtypes = {Dtype::f32};
  return kernel;
}

inline std::shared_ptr<const fleet::WorkerClass> worker_class(const std::string& cpu_model) {
  fleet::WorkerClass members;
  members.machine.cpu_model = cpu_model;
  members.machine.hardware_threads = 4;
  members.environment.threads = 1;
  members.kernels = {neg_kernel("neg_plain"), neg_kernel("neg_fast")};
  return std::make_shared<const fleet::WorkerClass>(std::move(members));
}

inline fleet::Campaign numbered_campaign(int units, int priority = 0) {
  std::vector<fleet::Unit> list;
  for (int i = 0; i < units; ++i) list.push_back({numbered_workload(i), 0});
  fleet::Campaign campaign;
  campaign.id = CampaignId{Hasher("test-campaign").add(units).add(priority).finish()};
  campaign.name = "test";
  campaign.priority = priority;
  campaign.regimes = {Regime::hot, Regime::cold};
  campaign.units = std::make_shared<ListedUnits>(std::move(list));
  return campaign;
}

}  // namespace paceline::testing
