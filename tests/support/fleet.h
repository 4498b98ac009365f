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

// Path 0 is the graph as it stands.
inline PathId numbered_path(int number) { return {Hasher("test-path").add(number).finish()}; }

inline std::shared_ptr<const fleet::RacedGraph> raced_graph(int number) {
  return std::make_shared<const fleet::RacedGraph>(
      fleet::RacedGraph{.id = {Hasher("test-graph").add(number).finish()},
                        .name = "graph",
                        .text = "graph text",
                        .bindings = {{"N", number}}});
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

// Some workloads, then some races of `paths` paths besides the graph as it stands.
inline fleet::Campaign racing_campaign(int units, int races, int paths) {
  fleet::Campaign campaign = numbered_campaign(units);
  std::vector<fleet::Unit> list;
  for (int i = 0; i < units; ++i) list.push_back({numbered_workload(i), 0});
  for (int i = 0; i < races; ++i) list.push_back({.raced = raced_graph(i)});
  campaign.units = std::make_shared<ListedUnits>(std::move(list));
  campaign.strategy = fleet::Strategy::race;
  campaign.paths = paths;
  campaign.rounds = 8;
  return campaign;
}

}  // namespace paceline::testing
