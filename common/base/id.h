#pragma once

#include "common/base/digest.h"

namespace paceline {

// A digest that knows what it names, so that a lease is never taken for a task.
template <typename Tag>
struct Id {
  Digest digest;

  friend auto operator<=>(const Id&, const Id&) = default;
  bool is_zero() const { return digest.is_zero(); }
  std::string to_string() const { return digest.to_string(); }
  static Id random() { return {Digest::random()}; }
  static std::optional<Id> parse(std::string_view hex) {
    const auto digest = Digest::parse(hex);
    if (!digest) return std::nullopt;
    return Id{*digest};
  }
};

// Named by content.
using GraphId = Id<struct GraphTag>;
using WorkloadId = Id<struct WorkloadTag>;
using KernelId = Id<struct KernelTag>;
using MachineId = Id<struct MachineTag>;
using EnvironmentId = Id<struct EnvironmentTag>;
using PathId = Id<struct PathTag>;
using PlanId = Id<struct PlanTag>;

// Named at random, once.
using MeasurementId = Id<struct MeasurementTag>;
using CampaignId = Id<struct CampaignTag>;
using TaskId = Id<struct TaskTag>;
using LeaseId = Id<struct LeaseTag>;
using WorkerId = Id<struct WorkerTag>;

}  // namespace paceline

template <typename Tag>
struct std::hash<paceline::Id<Tag>> {
  std::size_t operator()(const paceline::Id<Tag>& id) const noexcept {
    return std::hash<paceline::Digest>{}(id.digest);
  }
};
