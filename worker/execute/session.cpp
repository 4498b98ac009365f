#include "worker/execute/session.h"

#include <algorithm>

#include "common/base/error.h"
#include "common/base/time.h"
#include "worker/compile/arena.h"
#include "scheduler/passes/statics.h"
#include "worker/compile/compile.h"
#include "worker/execute/dim_table.h"
#include "worker/execute/memory.h"
#include "worker/execute/pool.h"
#include "worker/execute/prologue.h"
#include "worker/execute/sources.h"
#include "worker/execute/steps.h"
#include "worker/execute/type_check.h"
#include "worker/probe/probe.h"

namespace paceline {

namespace {

constexpr std::int64_t spare_bytes_min = 1024;

// A tensor of the plan with its dims as indices of the table.
struct Operand {
  std::vector<std::int32_t> extents;
  std::vector<std::int32_t> strides;
  std::int32_t offset = -1;
};

std::vector<std::int32_t> add_all(DimTable& dims, const std::vector<Dim>& values) {
  std::vector<std::int32_t> indices;
  for (const Dim& value : values) indices.push_back(dims.add(value));
  return indices;
}

bool same(const TensorView& a, const TensorView& b) {
  return a.data == b.data && std::equal(a.extents, a.extents + a.rank, b.extents) &&
         std::equal(a.strides, a.strides + a.rank, b.strides);
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

struct Session::Impl {
  Impl(Plan given, const OpSet& ops_given, std::span<const Kernel> kernels_given,
       const WeightSet& weights, Options options_given)
      : plan(std::move(given)),
        ops(ops_given),
        kernels(kernels_given),
        options(options_given),
        sources(plan.graph, weights, options.states ? options.states : std::make_shared<States>(),
                dims),
        types(plan.graph, ops, dims),
        steps(plan, kernels, {.threads = options.threads}, dims),
        views(plan.tensors.size()),
        threads(options.threads) {
    for (const Plan::Slot& slot : plan.slots) add(slot);
    for (const Plan::Tensor& tensor : plan.tensors) add(tensor);
    for (const std::int32_t dim : sources.dims()) sources_by_dim.add(dim, 0);
    reserved.resize(plan.slots.size());
    for (std::size_t i = 0; i < plan.graph.nodes().size(); ++i) {
      const Node& node = plan.graph.nodes()[i];
      if (node.kind == NodeKind::weight && !is_constant(node.outputs[0].shape)) {
        symbolic_weights.push_back(static_cast<std::int32_t>(i));
      }
    }
    prepare();
  }

  void add(const Plan::Slot& slot) {
    const std::int32_t dim = dims.add(slot.bytes);
    slots_by_dim.add(dim, static_cast<std::int32_t>(slot_dims.size()));
    slot_dims.push_back(dim);
  }

  void add(const Plan::Tensor& tensor) {
    const auto index = static_cast<std::int32_t>(operands.size());
    operands.push_back(
        {add_all(dims, tensor.type.shape), add_all(dims, tensor.strides), dims.add(tensor.offset)});
    const Operand& operand = operands.back();
    for (const std::int32_t dim : operand.extents) tensors_by_dim.add(dim, index);
    for (const std::int32_t dim : operand.strides) tensors_by_dim.add(dim, index);
    tensors_by_dim.add(operand.offset, index);
  }

  void prepare() {
    prepared.resize(plan.prepared.size());
    if (plan.prologue.empty()) return;
    const std::int64_t allowed =
        options.memory_bytes_max > 0 ? options.memory_bytes_max : available_memory_bytes();
    PreparedBuffers buffers = run_prologue(plan, sources,
                                           {.kernels = kernels,
                                            .resources = {.threads = options.threads},
                                            .threads = threads,
                                            .memory_bytes_max = allowed,
                                            .shared = options.prepared.get(),
                                            .cache = options.packed.get()});
    prepared = std::move(buffers.bytes);
    account = buffers.account;
    for (const PreparedTensors::Bytes& bytes : prepared) {
      if (bytes) prepared_bytes += padded(bytes->size());
    }
  }

  void bind(const Bindings& bindings) {
    const bool anew = !is_bound;
    is_bound = false;
    if (anew) dims.forget();
    dims.bind(bindings);
    types.run(bindings, dims);
    anew ? bind_all(bindings) : bind_changed(bindings);
    is_bound = true;
  }

  void bind_all(const Bindings& bindings) {
    sources.check_weights(bindings);
    validate(plan, ops, kernels, bindings);
    bind_memory(true);
    for (std::size_t i = 0; i < views.size(); ++i) views[i] = view_of(i);
    steps.bind(bindings, views, find_workspaces());
  }

  void bind_changed(const Bindings& bindings) {
    for (const std::int32_t weight : symbolic_weights) sources.check_weight(weight, bindings);
    changed_tensors.clear();
    if (needs_other_memory()) {
      bind_memory(false);
      for (std::size_t i = 0; i < views.size(); ++i) renew_view(static_cast<std::int32_t>(i));
      steps.set_workspaces(find_workspaces());
    } else {
      for (const std::int32_t dim : dims.changed_dims()) {
        for (const std::int32_t tensor : tensors_by_dim.of(dim)) renew_view(tensor);
      }
    }
    steps.rebind(bindings, dims, views, changed_tensors);
  }

  // A slot outgrows its room, or an input or state has another type or place.
  bool needs_other_memory() const {
    if (sources.have_states_moved()) return true;
    for (const std::int32_t dim : dims.changed_dims()) {
      if (!sources_by_dim.of(dim).empty()) return true;
      for (const std::int32_t slot : slots_by_dim.of(dim)) {
        if (dims.value(dim) > room[slot]) return true;
      }
    }
    return false;
  }

  void renew_view(std::int32_t tensor) {
    const TensorView view = view_of(tensor);
    if (same(view, views[tensor])) return;
    views[tensor] = view;
    changed_tensors.push_back(tensor);
  }

  // Slots that outgrow their room get an eighth more than they need, and no less than a KiB, where
  // memory allows: a sequence that grows token by token then seldom moves its neighbours in the
  // arena.
  void bind_memory(bool anew) {
    std::vector<std::int64_t> bytes;
    for (const std::int32_t dim : slot_dims) bytes.push_back(dims.value(dim));
    if (anew) room = bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      room[i] = std::max(room[i], reserved[i]);
      if (bytes[i] > room[i]) room[i] = bytes[i] + std::max(bytes[i] / 8, spare_bytes_min);
    }
    layout = lay_out(plan.slots, room);
    if (memory_needed() > memory_allowed()) {
      room = std::move(bytes);
      layout = lay_out(plan.slots, room);
    }
    check_memory();
    const std::int64_t arena_bytes = layout.arena_bytes[Device{}];
    if (arena_bytes > arena.size()) {
      arena = {};  // Before the larger one is asked for.
      arena = AlignedBytes(arena_bytes);
    }
    sources.bind(dims);
  }

  void reserve(const Bindings& bindings) {
    const std::vector<std::int64_t> bytes = slot_bytes(plan, bindings);
    for (std::size_t i = 0; i < bytes.size(); ++i) reserved[i] = std::max(reserved[i], bytes[i]);
  }

  std::int64_t memory_needed() {
    return std::max(layout.arena_bytes[Device{}], arena.size()) + sources.bytes_needed(dims) +
           prepared_bytes;
  }

  std::int64_t memory_allowed() {
    if (options.memory_bytes_max > 0) return options.memory_bytes_max;
    const std::int64_t held = arena.size() + sources.bytes_held() + prepared_bytes;
    const std::int64_t needed = memory_needed();
    if (needed <= held) return held;
    return held + available_memory_bytes();
  }

  void check_memory() {
    if (memory_needed() <= memory_allowed()) return;
    throw exhausted(
        "the plan needs {} bytes, {} of them for activations, and may use {}: bind smaller extents "
        "or allow more memory",
        memory_needed(), layout.arena_bytes[Device{}], memory_allowed());
  }

  std::span<void* const> find_workspaces() {
    workspaces.clear();
    for (const Plan::Instruction& instruction : plan.instructions) {
      workspaces.push_back(instruction.workspace < 0 ? nullptr : slot(instruction.workspace));
    }
    return workspaces;
  }

  std::byte* slot(std::int32_t index) const { return arena.data() + layout.offsets[index]; }

  std::byte* address(const Plan::Tensor& tensor) const {
    if (tensor.storage == Plan::Storage::slot) return slot(tensor.index);
    if (tensor.storage != Plan::Storage::prepared) return sources.address(tensor.index);
    const PreparedTensors::Bytes& bytes = prepared[tensor.index];
    return bytes ? bytes->data() : nullptr;  // Null: only the prologue reads it.
  }

  TensorView view_of(std::size_t index) const {
    const Plan::Tensor& tensor = plan.tensors[index];
    const Operand& operand = operands[index];
    std::byte* base = address(tensor);
    TensorView view{.dtype = tensor.type.dtype, .rank = static_cast<int>(operand.extents.size())};
    for (int axis = 0; axis < view.rank; ++axis) {
      view.extents[axis] = dims.value(operand.extents[axis]);
      view.strides[axis] = dims.value(operand.strides[axis]);
    }
    const auto size = static_cast<std::int64_t>(size_bytes(view.dtype));
    if (base) view.data = base + dims.value(operand.offset) * size;
    return view;
  }

  void check_ready() const {
    if (!is_bound) throw invalid("bind the symbols of \"{}\" before running it", plan.graph.name());
    if (sources.have_states_moved()) {
      throw invalid("another session moved the states of \"{}\": bind it again before running it",
                    plan.graph.name());
    }
    sources.check_inputs_set();
  }

  void run() {
    check_ready();
    threads.execute([this] {
      for (const Step& step : steps.all()) step.run(step.call);
    });
  }

  std::vector<double> profile(int repeats) {
    check_ready();
    std::vector<std::vector<double>> seconds(steps.all().size());
    threads.execute([&] {
      for (int i = 0; i < repeats; ++i) time_once(seconds);
    });
    std::vector<double> medians;
    for (std::vector<double>& samples : seconds) medians.push_back(median(samples));
    return medians;
  }

  void time_once(std::vector<std::vector<double>>& seconds) const {
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const Step& step = steps.all()[i];
      const std::int64_t start_ns = monotonic_ns();
      step.run(step.call);
      seconds[i].push_back(static_cast<double>(monotonic_ns() - start_ns) * 1e-9);
    }
  }

  TensorView output(std::string_view name) const {
    for (const Plan::Output& output : plan.outputs) {
      if (output.name == name) return views[output.tensor];
    }
    throw invalid("\"{}\" has no output \"{}\"", plan.graph.name(), name);
  }

  const Plan plan;
  const OpSet& ops;
  const std::span<const Kernel> kernels;
  const Options options;
  DimTable dims;
  Sources sources;
  TypeCheck types;
  Steps steps;
  std::vector<std::int32_t> symbolic_weights;    // Nodes: a binding may want more than there is.
  std::vector<PreparedTensors::Bytes> prepared;  // By prepared buffer; none without a prologue.
  std::int64_t prepared_bytes = 0;
  PreparedAccount account;
  std::vector<std::int32_t> slot_dims;
  Dependents slots_by_dim;
  Dependents tensors_by_dim;
  Dependents sources_by_dim;
  std::vector<Operand> operands;  // By tensor of the plan.
  std::vector<TensorView> views;
  std::vector<std::int32_t> changed_tensors;  // By the bind under way.
  std::vector<void*> workspaces;              // By instruction.
  std::vector<std::int64_t> room;      // Bytes laid out for each slot: what it needs, or more.
  std::vector<std::int64_t> reserved;  // Bytes that slots should have room for.
  ArenaLayout layout;
  AlignedBytes arena;
  Pool threads;
  bool is_bound = false;
};

Session::Session(Plan plan, const OpSet& ops, std::span<const Kernel> kernels, WeightSet weights,
                 Options options) {
  if (options.threads < 1)
    throw invalid("a session needs at least one thread: {}", options.threads);
  impl_ = std::make_unique<Impl>(std::move(plan), ops, kernels, weights, options);
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::bind(const Bindings& bindings) { impl_->bind(bindings); }

void Session::reserve(const Bindings& bindings) { impl_->reserve(bindings); }

void Session::set_input(std::string_view name, const Tensor& tensor) {
  impl_->sources.set_input(name, tensor);
}

std::optional<TensorView> Session::input(std::string_view name) const {
  return impl_->sources.input(name);
}

void Session::clear_inputs() { impl_->sources.clear_inputs(); }

void Session::run() { impl_->run(); }

std::vector<double> Session::profile(int repeats) {
  if (repeats < 1) throw invalid("a profile needs at least one run: {}", repeats);
  return impl_->profile(repeats);
}

TensorView Session::output(std::string_view name) const { return impl_->output(name); }

void Session::clear_states() { impl_->sources.clear_states(); }

const Plan& Session::plan() const { return impl_->plan; }

const PreparedAccount& Session::prepared() const { return impl_->account; }

std::size_t Session::instruction_count() const { return impl_->plan.instructions.size(); }

}  // namespace paceline
