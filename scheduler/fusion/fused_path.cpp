#include "scheduler/fusion/fused_path.h"

#include <map>
#include <string>

#include "common/base/error.h"

namespace paceline::fusion {

namespace {

using Guesses = paths::PricingOptions::Guesses;

struct Price {
  double seconds = 0;
  Device device;
};

// nullopt where no kernel takes the workload, or not enough is known of the one that would.
std::optional<Price> price_of(const Workload& workload, const KernelChooser& chooser,
                              Guesses guesses, bool by_measurement, std::string_view kernel = "") {
  try {
    const NodeDecision decision =
        kernel.empty() ? chooser.decide(workload) : chooser.decide(workload, kernel);
    if (!decision.estimate) return std::nullopt;
    if (by_measurement && !is_measured(*decision.estimate)) return std::nullopt;
    return Price{paths::search_cost_s(*decision.estimate, guesses), decision.device};
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::map<std::int32_t, const Choice*> choices_of(const Path& path) {
  std::map<std::int32_t, const Choice*> choices;
  for (const Choice& choice : path.choices) choices[choice.node] = &choice;
  return choices;
}

// What one node saves, in seconds; nothing, where that is not known, or where the group's nodes and
// the one node are not all on one device: no price here counts what would cross.
double saving_of(const Group& group, const Offer& offer, const KernelChooser& chooser,
                 Guesses guesses, const std::map<std::int32_t, const Choice*>& choices) {
  const bool is_measured_only =
      guesses == Guesses::none || (group.op == "fused" && guesses != Guesses::hopeful);
  const auto fused = price_of(offer.fused, chooser, guesses, is_measured_only);
  if (!fused) return 0;
  double parts = 0;
  for (std::size_t i = 0; i < group.nodes.size(); ++i) {
    const auto choice = choices.find(group.nodes[i]);
    const auto part = price_of(offer.parts[i], chooser, guesses, guesses == Guesses::none,
                               choice == choices.end() ? "" : choice->second->kernel);
    if (!part) return 0;
    const Device& device = choice == choices.end() ? part->device : choice->second->device;
    if (device != fused->device) return 0;
    parts += part->seconds;
  }
  return parts - fused->seconds;
}

}  // namespace

std::vector<Workload> workloads_of(const Graph& graph, std::span<const Group> groups,
                                   const OpSet& ops, const Bindings& bindings) {
  std::vector<Workload> workloads;
  for (const Group& group : groups) {
    Offer offer = offer_of(graph, group, ops, bindings);
    workloads.push_back(std::move(offer.fused));
    for (Workload& part : offer.parts) workloads.push_back(std::move(part));
  }
  return workloads;
}

std::optional<FusedPath> fused_path(const Path& path, std::span<const Group> groups,
                                    const OpSet& ops, const Bindings& bindings,
                                    const KernelChooser& chooser, Guesses guesses) {
  const auto choices = choices_of(path);
  std::vector<Group> taken;
  double saved_s = 0;
  for (const Group& group : groups) {
    const Offer offer = offer_of(path.graph, group, ops, bindings);
    const double saving = saving_of(group, offer, chooser, guesses, choices);
    if (saving <= 0) continue;
    saved_s += saving;
    taken.push_back(group);
  }
  if (taken.empty()) return std::nullopt;
  Fused fused = fuse(path.graph, taken, ops);
  FusedPath result{.path = {.graph = std::move(fused.graph), .choices = {}},
                   .origins = std::move(fused.origins),
                   .saved_s = saved_s,
                   .is_group = std::move(fused.is_group)};
  const Graph& graph = result.path.graph;
  for (std::int32_t n = 0; n < std::ssize(graph.nodes()); ++n) {
    const Node& node = graph.node(n);
    if (node.kind != NodeKind::op || ops.get(node.op).view) continue;
    if (result.is_group[n]) {
      const NodeDecision decision = chooser.decide(workload_of(graph, n, bindings));
      result.path.choices.push_back({n, decision.kernel, decision.device});
      continue;
    }
    const auto choice = choices.find(result.origins[n].front());
    if (choice == choices.end()) continue;
    Choice copy = *choice->second;
    copy.node = n;
    result.path.choices.push_back(std::move(copy));
  }
  return result;
}

}  // namespace paceline::fusion
