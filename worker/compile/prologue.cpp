#include "worker/compile/prologue.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

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

// The prologue as chains: instructions that read what others of their chain wrote. By instruction,
// the first of its chain.
class Chains {
 public:
  explicit Chains(const Plan& plan) : first_(plan.prologue.size()) {
    std::iota(first_.begin(), first_.end(), 0);
    std::vector<std::int32_t> writer(plan.prepared.size(), -1);
    for (std::int32_t at = 0; at < std::ssize(plan.prologue); ++at) {
      const Plan::Instruction& instruction = plan.prologue[at];
      for (const std::int32_t input : instruction.inputs) {
        const Plan::Tensor& tensor = plan.tensors[input];
        if (tensor.storage == Plan::Storage::prepared) join(at, writer[tensor.index]);
      }
      for (const std::int32_t output : instruction.outputs) writer[plan.tensors[output].index] = at;
    }
  }

  std::int32_t of(std::int32_t at) const {
    while (first_[at] != at) at = first_[at];
    return at;
  }

 private:
  void join(std::int32_t a, std::int32_t b) {
    const auto [low, high] = std::minmax({of(a), of(b)});  // By value.
    first_[high] = low;
  }

  std::vector<std::int32_t> first_;
};

// By chain (its first instruction), the most that it holds above what it leaves.
std::vector<std::int64_t> rises_of(const Plan& plan, const Chains& chains) {
  const std::vector<Block> lives = prepared_lives(plan);
  std::vector<std::int64_t> live(plan.prologue.size()), peak(plan.prologue.size());
  for (std::int32_t at = 0; at < std::ssize(plan.prologue); ++at) {
    const Plan::Instruction& instruction = plan.prologue[at];
    const std::int32_t chain = chains.of(at);
    std::set<std::int32_t> buffers;
    std::int64_t weights = 0;
    for (const std::int32_t input : instruction.inputs) {
      const Plan::Tensor& tensor = plan.tensors[input];
      if (tensor.storage == Plan::Storage::prepared) buffers.insert(tensor.index);
      if (tensor.storage != Plan::Storage::weight) continue;
      weights += size_bytes(plan.graph.node(tensor.index).outputs[0]).constant().value();
    }
    for (const std::int32_t output : instruction.outputs) {
      buffers.insert(plan.tensors[output].index);
    }
    if (instruction.workspace >= 0) buffers.insert(instruction.workspace);
    for (const std::int32_t buffer : buffers) {
      if (lives[buffer].first == at) live[chain] += lives[buffer].bytes;
    }
    peak[chain] = std::max(peak[chain], live[chain] + weights);
    for (const std::int32_t buffer : buffers) {
      if (lives[buffer].last == at) live[chain] -= lives[buffer].bytes;
    }
  }
  for (std::size_t i = 0; i < peak.size(); ++i) peak[i] -= live[i];
  return peak;
}

}  // namespace

void order_prologue(Plan& plan) {
  const Chains chains(plan);
  const std::vector<std::int64_t> rises = rises_of(plan, chains);
  std::vector<std::int32_t> order(plan.prologue.size());
  std::iota(order.begin(), order.end(), 0);
  const auto magnitude = [&](std::int32_t at) {
    return std::bit_width(static_cast<std::uint64_t>(rises[chains.of(at)]));
  };
  std::ranges::stable_sort(
      order, [&](std::int32_t a, std::int32_t b) { return magnitude(a) > magnitude(b); });
  std::vector<Plan::Instruction> ordered;
  for (const std::int32_t at : order) ordered.push_back(std::move(plan.prologue[at]));
  plan.prologue = std::move(ordered);
}

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
