#include "worker/compile/prologue.h"

#include <algorithm>

#include "worker/compile/arena.h"

namespace paceline {

namespace {

// Calls `use` with each tensor that a run touches.
template <typename Use>
void for_each_of_runs(const Plan& plan, Use use) {
  for (const Plan::Instruction& instruction : plan.instructions) {
    for (const std::int32_t tensor : instruction.inputs) use(plan.tensors[tensor]);
    for (const std::int32_t tensor : instruction.outputs) use(plan.tensors[tensor]);
  }
  for (const Plan::Output& output : plan.outputs) use(plan.tensors[output.tensor]);
}

}  // namespace

std::vector<Block> prepared_lives(const Plan& plan) {
  const auto end = static_cast<std::int32_t>(plan.prologue.size());
  std::vector<Block> lives;
  for (const auto& [device, bytes] : plan.prepared) lives.push_back({padded(bytes), end, -1});
  const auto use = [&](std::int32_t index, std::int32_t at) {
    lives[index].first = std::min(lives[index].first, at);
    lives[index].last = std::max(lives[index].last, at);
  };
  const auto use_tensor = [&](std::int32_t index, std::int32_t at) {
    const Plan::Tensor& tensor = plan.tensors[index];
    if (tensor.storage == Plan::Storage::prepared) use(tensor.index, at);
  };
  for (std::int32_t at = 0; at < end; ++at) {
    for (const std::int32_t tensor : plan.prologue[at].inputs) use_tensor(tensor, at);
    for (const std::int32_t tensor : plan.prologue[at].outputs) use_tensor(tensor, at);
    if (plan.prologue[at].workspace >= 0) use(plan.prologue[at].workspace, at);
  }
  for_each_of_runs(plan, [&](const Plan::Tensor& tensor) {
    if (tensor.storage == Plan::Storage::prepared) use(tensor.index, end);
  });
  for (Block& life : lives) {
    if (life.last < 0) life = {0, 0, 0};  // A buffer that nothing uses.
  }
  return lives;
}

std::set<std::int32_t> weights_of_runs(const Plan& plan) {
  std::set<std::int32_t> nodes;
  for_each_of_runs(plan, [&](const Plan::Tensor& tensor) {
    if (tensor.storage == Plan::Storage::weight) nodes.insert(tensor.index);
  });
  return nodes;
}

}  // namespace paceline
