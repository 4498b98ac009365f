#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "common/graph/plan.h"
#include "worker/execute/dim_table.h"
#include "worker/execute/memory.h"
#include "worker/execute/pages.h"
#include "worker/execute/session.h"

namespace paceline {

// The memory of what is no activation: inputs, which it owns, states, which it may share, weights
// and constants, of which it keeps references. One thread.
class Sources {
 public:
  // Throws `invalid` for a missing weight or one of another dtype. `runtime` is that of the device
  // besides the CPU that the plan uses, if any: inputs are pinned then.
  Sources(const Plan& plan, const WeightSet& weights, std::shared_ptr<States> states,
          DimTable& dims, kernels::DeviceRuntime* runtime = nullptr);

  // Throws `invalid` for a weight of other extents.
  void check_weights(const Bindings& bindings) const;
  void check_weight(std::int32_t node, const Bindings& bindings) const;
  // Lets go of a weight that nobody reads any more.
  void drop(std::int32_t node, const FileMappings& mappings);
  // Takes a weight out of resident memory until somebody reads some of it.
  void rest(std::int32_t node, const FileMappings& mappings) const {
    mappings.forget_for_few(bytes(node));
  }
  // The elements of a weight or constant.
  std::span<const std::byte> bytes(std::int32_t node) const;
  // Of inputs and states on a device: as the dims are bound now, and as they stand allocated.
  std::int64_t bytes_needed(const DimTable& dims, const Device& device) const;
  std::int64_t bytes_held(const Device& device) const;
  // Inputs and states of a new type start anew, as zeros; inputs must then be set again.
  void bind(const DimTable& dims);

  // What the memory of inputs and states depends on.
  std::vector<std::int32_t> dims() const;
  std::byte* address(std::int32_t node) const { return addresses_[node]; }
  void set_input(std::string_view name, const Tensor& tensor);
  // As it was last set; nullopt before that.
  std::optional<TensorView> input(std::string_view name) const;
  void clear_inputs();            // They must be set again.
  void check_inputs_set() const;  // Throws `invalid` naming the input that was not.
  void clear_states() { states_->clear(); }
  bool have_states_moved() const { return state_moves_ != states_->moves(); }  // Since `bind`.

 private:
  struct Extent {  // Of an input or a state, as indices of the dims.
    std::vector<std::int32_t> dims;
    std::int32_t bytes_dim = -1;

    Extents evaluate(const DimTable& dims) const;
  };
  struct Input {
    Extent extent;
    Extents extents;
    AlignedBytes memory;
    bool is_bound = false;
    bool is_set = false;
  };

  void keep(std::int32_t node, const Tensor& tensor);
  const Tensor& weight(const Node& node, const WeightSet& weights) const;

  const Plan& plan_;
  const Graph& graph_;
  kernels::DeviceRuntime* runtime_;
  std::vector<std::byte*> addresses_;       // By node.
  std::map<std::int32_t, Tensor> tensors_;  // Weights and constants, by node.
  std::map<std::int32_t, Input> inputs_;    // By node.
  std::map<std::int32_t, Extent> state_extents_;
  std::shared_ptr<States> states_;
  std::uint64_t state_moves_ = 0;
};

}  // namespace paceline
