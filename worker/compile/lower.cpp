#include <algorithm>
#include <deque>
#include <utility>

#include "common/base/error.h"
#include "common/graph/node_forms.h"
#include "scheduler/passes/statics.h"
#include "worker/compile/draft.h"
#include "worker/compile/groups.h"
#include "worker/compile/kernel_finder.h"
#include "worker/compile/layout.h"
#include "worker/compile/order.h"
#include "worker/compile/places.h"

namespace paceline {

namespace {

Strides wanted_strides(const Accepts& accepts, std::size_t input) {
  const std::vector<Strides>& wanted = accepts.input_strides;
  return wanted.empty() ? Strides::dense : wanted[std::min(input, wanted.size() - 1)];
}

bool fits(const StridedShape& strided, Strides wanted) {
  if (wanted == Strides::any || strided.shape.empty()) return true;
  if (wanted == Strides::dense) return is_dense(strided);
  return strided.shape.back() == 1 || strided.strides.back() == 1;
}

bool are_equal(const StridedShape& a, const StridedShape& b) {
  return a.shape == b.shape && a.strides == b.strides && a.offset == b.offset;
}

class Lowering {
 public:
  Lowering(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
           const Bindings& sample, const Resources& resources, bool has_prologue)
      : graph_(path.graph),
        ops_(ops),
        kernels_(kernels),
        finder_(kernels),
        sample_(sample),
        resources_(resources),
        has_prologue_(has_prologue),
        statics_(has_prologue ? static_nodes(graph_, ops)
                              : std::vector<bool>(graph_.nodes().size())),
        groups_(graph_, ops, statics_),
        bundles_(bundles_of(path)),
        order_(order_nodes(graph_, ops, groups_, sample, bundles_)),
        first_(first_of_form(graph_)),
        position_(graph_.nodes().size(), -1),
        choices_(graph_.nodes().size()),
        places_(graph_) {
    for (const Choice& choice : path.choices) take(choice);
    for (std::size_t i = 0; i < order_.size(); ++i) {
      position_[order_[i]] = static_cast<std::int32_t>(i);
    }
  }

  Draft run() {
    place_sources();
    for (const std::int32_t node : order_) lower(node);
    std::vector<Place> outputs;
    for (const NamedOutput& output : graph_.outputs()) outputs.push_back(on_host(output.value));
    std::vector<Place> updates;
    for (const StateUpdate& update : graph_.state_updates())
      updates.push_back(locate(update.value, home_of_state(update.state)));
    finish_outputs(std::move(outputs), updates);
    finish_states(std::move(updates));
    return std::move(draft_);
  }

 private:
  // By node; empty where there are none.
  static std::vector<std::int32_t> bundles_of(const Path& path) {
    std::vector<std::int32_t> bundles;
    for (const Choice& choice : path.choices) {
      if (choice.bundle < 0) continue;
      bundles.resize(path.graph.nodes().size(), -1);
      bundles[choice.node] = choice.bundle;
    }
    return bundles;
  }
  std::int32_t bundle_of(std::int32_t node) const { return bundles_.empty() ? -1 : bundles_[node]; }

  void take(const Choice& choice) {
    choices_.at(choice.node) = &choice;
    if (choice.device.kind == DeviceKind::cpu) return;
    if (accelerator_ && *accelerator_ != choice.device) {
      throw unsupported("a plan on one GPU: {} and {}", accelerator_->to_string(),
                        choice.device.to_string());
    }
    accelerator_ = choice.device;
  }

  Device device(DeviceKind kind) const {
    return kind == DeviceKind::cpu ? Device{} : accelerator_.value();
  }
  DeviceKind kind_of(const Place& place) const { return draft_.buffers[place.buffer].device.kind; }
  DeviceKind kind_of(std::int32_t node) const {
    return choices_[node] ? choices_[node]->device.kind : DeviceKind::cpu;
  }

  // A state lies where it is updated; else where it is read first.
  DeviceKind home_of_state(std::int32_t state) const {
    if (!accelerator_) return DeviceKind::cpu;
    for (const StateUpdate& update : graph_.state_updates()) {
      const std::int32_t updater = groups_.group_of(update.value).node;
      if (update.state == state && groups_.is_work(updater)) return kind_of(updater);
    }
    const auto& readers = groups_.readers(groups_.group_of({state, 0}));
    return readers.empty() ? DeviceKind::cpu : kind_of(readers.front());
  }
  const Place& place_of_state(std::int32_t state) const {
    return places_.at({state, 0}, home_of_state(state));
  }

  void place_sources() {
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph_.nodes().size()); ++i) {
      const Node& node = graph_.node(i);
      if (node.kind == NodeKind::op) continue;
      const TensorType& type = node.outputs[0];
      const DeviceKind home = node.kind == NodeKind::state ? home_of_state(i) : DeviceKind::cpu;
      const Place place = draft_.add_dense(storage_of(node.kind), type, device(home));
      draft_.buffers[place.buffer].node = i;
      places_.set({i, 0}, home, place);
    }
  }

  const Kernel& kernel_of(std::int32_t node) {
    const Choice* choice = choices_[node];
    if (!choice) throw invalid("the path has no kernel for node {} {}", node, graph_.node(node).op);
    const Kernel& kernel = finder_.find(graph_.node(node).op, choice->kernel);
    if (kernel.info.device != choice->device.kind) {
      throw invalid("kernel {} does not run on {}", choice->kernel, choice->device.to_string());
    }
    return kernel;
  }

  // Resolves the views that lead to `value` on a kind of device, from the last value that has a
  // place there or, mirrored, elsewhere. What is static is computed by the prologue once somebody
  // asks for it.
  Place locate(ValueRef value, DeviceKind on) {
    std::vector<ValueRef> chain;
    ValueRef at = value;
    while (!places_.has(at, on)) {
      if (!groups_.is_view(at.node)) {
        compute(at);
        if (!places_.has(at, on)) mirror(at, on);
        break;
      }
      chain.push_back(at);
      at = graph_.node(at.node).inputs[0];
    }
    for (auto view = chain.rbegin(); view != chain.rend(); ++view) {
      const ValueRef source = graph_.node(view->node).inputs[0];
      places_.set(*view, on, resolve(graph_.node(view->node), source, view->node, on));
    }
    return places_.at(value, on);
  }

  void compute(ValueRef value) {
    if (places_.has(value)) return;
    check(statics_[value.node], "a value is read before it is computed");
    lower(value.node);
  }

  // The whole of a value that is no view, on another kind of device: made once. Nothing overwrites
  // either before the last reader of the value, whichever of them that reads.
  void mirror(ValueRef value, DeviceKind on) {
    const Place from =
        places_.at(value, on == DeviceKind::cpu ? DeviceKind::cuda : DeviceKind::cpu);
    places_.set(value, on, transferred(from, on, value.node));
  }

  Place transferred(const Place& from, DeviceKind on, std::int32_t node) {
    const auto storage = is_fixed(from) ? Plan::Storage::prepared : Plan::Storage::slot;
    const Place to = draft_.add_dense(storage, {from.dtype, from.strided.shape}, device(on));
    const Op& op = ops_.get("transfer");
    const std::string kind(on == DeviceKind::cpu ? "cpu" : "cuda");
    add_step(crossing_kernel(on), op.name,
             Attributes({{"to", kind}}).complete(op.name, op.attributes), from, to, node);
    return to;
  }

  const Kernel& crossing_kernel(DeviceKind to) const {
    const auto wanted =
        to == DeviceKind::cpu ? Kernel::Crossing::to_host : Kernel::Crossing::to_device;
    const auto found = std::ranges::find(kernels_, wanted, &Kernel::crossing);
    if (found == kernels_.end()) {
      throw unsupported("no kernel takes values to {}", device(to).to_string());
    }
    return *found;
  }

  // A value for whoever reads it after a run. Of a larger one that another device holds, no more
  // than the value crosses.
  Place on_host(ValueRef value) {
    const ValueRef whole = groups_.group_of(value);
    compute(whole);
    if (places_.has(whole, DeviceKind::cpu) || value == whole) {
      return locate(value, DeviceKind::cpu);
    }
    const auto count = [&](ValueRef of) {
      return element_count(evaluate(graph_.type(of).shape, sample_));
    };
    const Place there = locate(value, DeviceKind::cuda);
    const bool is_part = count(value) < count(whole);
    if (is_dense(there.strided) && count(value) <= count(whole)) {
      return transferred(there, DeviceKind::cpu, value.node);
    }
    if (!is_part) return locate(value, DeviceKind::cpu);
    return transferred(dense(value, value.node, DeviceKind::cuda), DeviceKind::cpu, value.node);
  }

  Place resolve(const Node& node, ValueRef source, std::int32_t index, DeviceKind on) {
    const Op& op = ops_.get(node.op);
    const OpInputs inputs{{&graph_.type(source), 1}, node.attributes};
    Place place = places_.at(source, on);
    const StridedShape* view = view_of(op, inputs, place.strided, index);
    if (view == nullptr) {
      place = dense(source, index, on);
      view = view_of(op, inputs, place.strided, index);
    }
    check(view != nullptr, "a view of a dense value");
    return {place.buffer, place.dtype, *view};
  }

  // Layers repeat their views; null when this one needs a copy.
  const StridedShape* view_of(const Op& op, const OpInputs& inputs, const StridedShape& source,
                              std::int32_t index) {
    std::deque<View>& known = views_[first_[index]];
    const auto found = std::ranges::find_if(
        known, [&](const View& view) { return are_equal(view.source, source); });
    const View& view =
        found != known.end() ? *found : known.emplace_back(View{source, op.view(source, inputs)});
    return view.result ? &*view.result : nullptr;
  }

  // A dense copy of a value for `node`, made once; by the prologue, where it can be and must be or
  // costs no more memory than what it copies.
  Place dense(ValueRef value, std::int32_t node, DeviceKind on) {
    const Place from = locate(value, on);
    const auto storage = statics_[node] || (is_fixed(from) && !expands(from))
                             ? Plan::Storage::prepared
                             : Plan::Storage::slot;
    const auto known = copies_.find({value, storage, on});
    if (known != copies_.end()) return known->second;
    const Place copy = copied(from, node, storage);
    copies_[{value, storage, on}] = copy;
    return copy;
  }

  // Holds the same elements for all bindings, in all runs.
  bool is_fixed(const Place& place) const {
    const Draft::Buffer& buffer = draft_.buffers[place.buffer];
    const bool is_bound_once = buffer.storage == Plan::Storage::weight ||
                               buffer.storage == Plan::Storage::constant ||
                               buffer.storage == Plan::Storage::prepared;
    return has_prologue_ && is_bound_once && buffer.bytes.is_constant() &&
           is_constant(place.strided.shape) && is_constant(place.strided.strides) &&
           place.strided.offset.is_constant();
  }

  bool expands(const Place& place) const {
    const Dim bytes = size_bytes({place.dtype, place.strided.shape});
    return *bytes.constant() > *draft_.buffers[place.buffer].bytes.constant();
  }

  // On the same device.
  Place copied(const Place& from, std::int32_t node, Plan::Storage storage) {
    const Device device = draft_.buffers[from.buffer].device;
    const Place to = draft_.add_dense(storage, {from.dtype, from.strided.shape}, device);
    add_copy(from, to, node);
    return to;
  }

  void add_copy(const Place& from, const Place& to, std::int32_t node) {
    const Op& op = ops_.get("copy");
    add_step(copy_kernel(from), op.name, Attributes().complete(op.name, op.attributes), from, to,
             node);
  }

  // One of one operand that no node asks for.
  void add_step(const Kernel& kernel, const std::string& op, Attributes attributes,
                const Place& from, const Place& to, std::int32_t node) {
    Plan::Instruction instruction{.node = node,
                                  .op = op,
                                  .kernel = kernel.info.name,
                                  .attributes = std::move(attributes),
                                  .device = device(kernel.info.device)};
    const Plan::Storage storage = draft_.buffers[to.buffer].storage;
    const bool is_in_bundle =
        storage != Plan::Storage::prepared && kernel.info.device == DeviceKind::cpu;
    if (is_in_bundle) instruction.bundle = bundle_;
    Draft::Operands operands{.inputs = {from}, .outputs = {to}};
    operands.workspace =
        workspace(kernel, {from}, instruction.attributes, storage, instruction.bundle);
    steps_for(storage).push_back({std::move(instruction), std::move(operands), &kernel});
  }

  std::vector<Draft::Step>& steps_for(Plan::Storage written) {
    return written == Plan::Storage::prepared ? draft_.prologue : draft_.steps;
  }

  // The first given that takes the dtype and rank with any strides.
  const Kernel& copy_kernel(const Place& from) const {
    const OperandType operand{from.dtype, evaluate(from.strided.shape, sample_)};
    const Workload workload{.op = "copy", .inputs = {operand}, .outputs = {operand}};
    for (const Kernel& kernel : kernels_) {
      const bool any = wanted_strides(kernel.info.accepts, 0) == Strides::any;
      if (any && kernel.info.op == workload.op && kernel.info.device == kind_of(from) &&
          !refusal(kernel.info, workload))
        return kernel;
    }
    throw unsupported("no kernel copies {} with any strides on {}", operand.to_string(),
                      device(kind_of(from)).to_string());
  }

  std::int32_t workspace(const Kernel& kernel, const std::vector<Place>& inputs,
                         const Attributes& attributes, Plan::Storage written, std::int32_t bundle) {
    if (!kernel.workspace_bytes) return -1;
    std::vector<TensorType> types;
    for (const Place& input : inputs) types.push_back({input.dtype, input.strided.shape});
    Resources resources = resources_;
    resources.device = device(kernel.info.device);
    if (bundle >= 0) resources.threads = 1;
    const Dim bytes = kernel.workspace_bytes({types, attributes}, resources);
    if (bytes == 0) return -1;
    const bool is_prepared = written == Plan::Storage::prepared;
    return draft_.add_buffer({.storage = is_prepared ? written : Plan::Storage::slot,
                              .device = resources.device,
                              .bytes = bytes});
  }

  void lower(std::int32_t index) {
    const Node& node = graph_.node(index);
    const Kernel& kernel = kernel_of(index);
    const DeviceKind on = kernel.info.device;
    // What has to be copied for it is of its bundle.
    const std::int32_t before = std::exchange(bundle_, statics_[index] ? -1 : bundle_of(index));
    Draft::Operands operands;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      Place place = locate(node.inputs[i], on);
      if (!fits(place.strided, wanted_strides(kernel.info.accepts, i))) {
        place = dense(node.inputs[i], index, on);
      }
      operands.inputs.push_back(std::move(place));
    }
    const auto storage = statics_[index] ? Plan::Storage::prepared : Plan::Storage::slot;
    place_outputs(index, operands, storage, on);
    operands.workspace = workspace(kernel, operands.inputs, node.attributes, storage, bundle_);
    steps_for(storage).push_back({{.node = index,
                                   .op = node.op,
                                   .kernel = kernel.info.name,
                                   .attributes = node.attributes,
                                   .device = device(on),
                                   .bundle = bundle_},
                                  std::move(operands),
                                  &kernel});
    bundle_ = before;
  }

  void place_outputs(std::int32_t index, Draft::Operands& operands, Plan::Storage storage,
                     DeviceKind on) {
    const Node& node = graph_.node(index);
    const Op& op = ops_.get(node.op);
    for (std::int32_t output = 0; output < static_cast<std::int32_t>(node.outputs.size());
         ++output) {
      const std::optional<int> over = overwritten(index, op, output, operands);
      const Place place = over ? operands.inputs[*over] : new_output({index, output}, storage, on);
      places_.set({index, output}, on, place);
      operands.outputs.push_back(place);
    }
  }

  // Dense, or as all readers want it when the kernel writes rows anywhere.
  Place new_output(ValueRef value, Plan::Storage storage, DeviceKind on) {
    Place place = draft_.add_dense(storage, graph_.type(value), device(on));
    const ValueRef group = groups_.group_of(value);
    const auto is_there = [&](std::int32_t reader) { return kind_of(reader) == on; };
    if (kernel_of(value.node).info.accepts.output_strides == Strides::dense ||
        storage != Plan::Storage::slot || groups_.is_pinned(group) ||
        !std::ranges::all_of(groups_.readers(group), is_there)) {
      return place;
    }
    if (const auto order = order_of_readers(graph_, value)) {
      place.strided.strides = permuted_strides(place.strided.shape, *order);
    }
    return place;
  }

  // The input whose memory an output may take.
  std::optional<int> overwritten(std::int32_t index, const Op& op, int output,
                                 const Draft::Operands& operands) const {
    const TensorType& type = graph_.node(index).outputs[output];
    const std::optional<int> updated = op.updated_input(output);
    if (updated && may_overwrite(index, output, *updated, type, operands, Plan::Storage::state)) {
      return updated;
    }
    for (const auto& [to, from] : op.in_place) {
      if (to == output && may_overwrite(index, output, from, type, operands, Plan::Storage::slot))
        return from;
    }
    if (updated && may_overwrite(index, output, *updated, type, operands, Plan::Storage::slot)) {
      return updated;
    }
    return std::nullopt;
  }

  // Whether the op lets `output` take the bytes of `input`.
  static bool yields(const Op& op, int output, int input) {
    return op.updated_input(output) == input ||
           std::ranges::count(op.in_place, std::pair(output, input)) > 0;
  }

  // Nothing reads the input's memory later, and each element of the output takes the bytes of the
  // same element of the input. Other operands there must be such inputs too: x * w + x may not
  // overwrite x.
  bool may_overwrite(std::int32_t index, int output, int input, const TensorType& type,
                     const Draft::Operands& operands, Plan::Storage storage) const {
    const Op& op = ops_.get(graph_.node(index).op);
    const ValueRef group = groups_.group_of(graph_.node(index).inputs[input]);
    if (groups_.is_pinned(group)) return false;
    for (const std::int32_t reader : groups_.readers(group)) {
      if (position_[reader] > position_[index]) return false;
      // Beside each other, one would have to wait for the other.
      const bool is_beside = bundle_ >= 0 && bundle_of(reader) == bundle_ && reader != index;
      if (is_beside && storage == Plan::Storage::slot) return false;
    }
    const Place& place = operands.inputs[input];
    if (draft_.buffers[place.buffer].storage != storage) return false;
    if (!is_dense(place.strided) || place.strided.offset != 0) return false;
    if (place.dtype != type.dtype || place.strided.shape != type.shape) return false;
    for (int i = 0; i < static_cast<int>(operands.inputs.size()); ++i) {
      const Place& other = operands.inputs[i];
      if (other.buffer == place.buffer && !(other == place && yields(op, output, i))) return false;
    }
    return std::none_of(operands.outputs.begin(), operands.outputs.end(),
                        [&](const Place& taken) { return taken.buffer == place.buffer; });
  }

  // What a later copy into a state would overwrite moves out of its way first.
  void finish_outputs(std::vector<Place> places, const std::vector<Place>& updates) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      const NamedOutput& output = graph_.outputs()[i];
      if (will_be_overwritten(places[i], updates))
        places[i] = copied(places[i], output.value.node, Plan::Storage::slot);
      draft_.outputs.push_back({output.name, std::move(places[i])});
    }
  }

  bool will_be_overwritten(const Place& place, const std::vector<Place>& updates) const {
    for (std::size_t i = 0; i < updates.size(); ++i) {
      const Place& state = place_of_state(graph_.state_updates()[i].state);
      if (place.buffer == state.buffer && updates[i] != state) return true;
    }
    return false;
  }

  // First everything out of states that change places, then the copies into states.
  void finish_states(std::vector<Place> places) {
    const std::vector<Place> before = places;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const StateUpdate& update = graph_.state_updates()[i];
      if (places[i] == place_of_state(update.state)) continue;
      if (will_be_overwritten(places[i], before))
        places[i] = copied(places[i], update.state, Plan::Storage::slot);
    }
    for (std::size_t i = 0; i < places.size(); ++i) {
      const StateUpdate& update = graph_.state_updates()[i];
      const Place& state = place_of_state(update.state);
      if (places[i] != state) add_copy(places[i], state, update.value.node);
    }
  }

  const Graph& graph_;
  const OpSet& ops_;
  std::span<const Kernel> kernels_;
  KernelFinder finder_;
  const Bindings& sample_;
  const Resources& resources_;
  const bool has_prologue_;
  const std::vector<bool> statics_;  // By node.
  const Groups groups_;
  const std::vector<std::int32_t> bundles_;  // By node; none: empty.
  const std::vector<std::int32_t> order_;
  const std::vector<std::int32_t> first_;  // Of the form, by node.
  std::vector<std::int32_t> position_;     // In `order_`, by node.
  std::vector<const Choice*> choices_;     // By node.
  std::optional<Device> accelerator_;      // The one besides the CPU that the path uses.
  std::int32_t bundle_ = -1;               // Of the node that is being lowered.
  Draft draft_;
  Places places_;
  struct View {
    StridedShape source;
    std::optional<StridedShape> result;
  };
  std::map<std::int32_t, std::deque<View>> views_;  // By form.
  std::map<std::tuple<ValueRef, Plan::Storage, DeviceKind>, Place> copies_;
};

}  // namespace

Draft lower(const Path& path, const OpSet& ops, std::span<const Kernel> kernels,
            const Bindings& sample, const Resources& resources, bool has_prologue) {
  return Lowering(path, ops, kernels, sample, resources, has_prologue).run();
}

}  // namespace paceline
