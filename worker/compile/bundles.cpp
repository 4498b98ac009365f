#include "worker/compile/bundles.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace paceline {

namespace {

using Memory = std::pair<Plan::Storage, std::int32_t>;

// Workspaces are each instruction's own.
struct Uses {
  std::set<Memory> read, written;
};

Uses uses_of(const Plan& plan, const Plan::Instruction& instruction) {
  const auto memory = [&](std::int32_t tensor) {
    return Memory(plan.tensors[tensor].storage, plan.tensors[tensor].index);
  };
  Uses uses;
  for (const std::int32_t tensor : instruction.inputs) uses.read.insert(memory(tensor));
  for (const std::int32_t tensor : instruction.outputs) uses.written.insert(memory(tensor));
  return uses;
}

bool writes_into(const Uses& a, const Uses& b) {
  return std::ranges::any_of(a.written, [&](const Memory& memory) {
    return b.read.contains(memory) || b.written.contains(memory);
  });
}

bool must_not_overlap(const Uses& a, const Uses& b) {
  return writes_into(a, b) || writes_into(b, a);
}

std::vector<std::vector<std::int32_t>> lanes_of(const Plan& plan, std::int32_t first,
                                                std::int32_t end) {
  std::vector<Uses> uses;
  std::vector<std::vector<std::int32_t>> lanes;
  for (std::int32_t at = first; at < end; ++at) {
    uses.push_back(uses_of(plan, plan.instructions[at]));
    const auto is_apart = [&](const std::vector<std::int32_t>& lane) {
      return std::ranges::none_of(lane, [&](std::int32_t before) {
        return must_not_overlap(uses[before - first], uses.back());
      });
    };
    // What it joins becomes one lane, in the place of the first.
    const auto joined = std::ranges::stable_partition(lanes, is_apart);
    std::vector<std::int32_t> lane;
    for (const std::vector<std::int32_t>& part : joined)
      std::ranges::copy(part, std::back_inserter(lane));
    std::ranges::sort(lane);
    lane.push_back(at);
    lanes.erase(joined.begin(), joined.end());
    lanes.push_back(std::move(lane));
  }
  std::ranges::sort(lanes);
  return lanes;
}

}  // namespace

std::int32_t end_of_bundle(const Plan& plan, std::int32_t first) {
  const std::int32_t bundle = plan.instructions[first].bundle;
  std::int32_t end = first + 1;
  if (bundle < 0) return end;
  while (end < std::ssize(plan.instructions) && plan.instructions[end].bundle == bundle) ++end;
  return end;
}

std::vector<Bundle> bundles_of(const Plan& plan) {
  std::vector<Bundle> bundles;
  std::int32_t end = 0;
  for (std::int32_t at = 0; at < std::ssize(plan.instructions); at = end) {
    end = end_of_bundle(plan, at);
    if (plan.instructions[at].bundle >= 0) bundles.push_back({at, end, lanes_of(plan, at, end)});
  }
  return bundles;
}

}  // namespace paceline
