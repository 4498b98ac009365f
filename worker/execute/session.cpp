#include "worker/execute/session.h"

#include <algorithm>

#include "common/base/error.h"
#include "kernels/cuda_module.h"
#include "scheduler/passes/statics.h"
#include "worker/compile/arena.h"
#include "worker/compile/compile.h"
#include "worker/execute/dim_table.h"
#include "worker/execute/memory.h"
#include "worker/execute/pool.h"
#include "worker/execute/prologue.h"
#include "worker/execute/runner.h"
#include "worker/execute/slot_memory.h"
#include "worker/execute/sources.h"
#include "worker/execute/steps.h"
#include "worker/execute/type_check.h"

namespace paceline {

namespace {

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

// Of the device besides the CPU that a plan uses; null when there is none.
kernels::DeviceRuntime* runtime_for(const std::optional<Device>& accelerator,
                                    const Session::Options& options) {
  if (!accelerator) return nullptr;
  kernels::DeviceRuntime* const runtime =
      options.runtime ? options.runtime : kernels::device_runtime();
  if (runtime == nullptr) {
    throw unsupported("the plan is for {}: {}", accelerator->to_string(),
                      kernels::cuda_absence().value_or("it cannot be used"));
  }
  if (accelerator->index >= runtime->count()) {
    throw unsupported("this machine has {} GPUs: {}", runtime->count(), accelerator->to_string());
  }
  runtime->make_current(accelerator->index);
  return runtime;
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
        accelerator(plan.accelerator()),
        runtime(runtime_for(accelerator, options)),
        sources(plan, weights, options.states ? options.states : std::make_shared<States>(), dims,
                runtime),
        types(plan.graph, ops, dims),
        steps(plan, kernels, {.threads = options.threads}, dims),
        slots(plan, dims, runtime, limits()),
        views(plan.tensors.size()),
        threads(options.threads) {
    for (const Plan::Tensor& tensor : plan.tensors) add(tensor);
    for (const std::int32_t dim : sources.dims()) sources_by_dim.add(dim, 0);
    for (std::size_t i = 0; i < plan.graph.nodes().size(); ++i) {
      const Node& node = plan.graph.nodes()[i];
      if (node.kind == NodeKind::weight && !is_constant(node.outputs[0].shape)) {
        symbolic_weights.push_back(static_cast<std::int32_t>(i));
      }
    }
    prepare();
    runner = std::make_unique<Runner>(plan, steps, threads, open_device());
  }

  std::map<Device, std::int64_t> limits() const {
    std::map<Device, std::int64_t> bytes = {{Device{}, options.memory_bytes_max}};
    if (!accelerator) return bytes;
    const auto found = options.device_bytes_max.find(*accelerator);
    bytes[*accelerator] = found == options.device_bytes_max.end() ? 0 : found->second;
    return bytes;
  }

  // Once all dims are in the table.
  RunnerDevice open_device() {
    if (!runtime) return {};
    queue = runtime->open_queue(accelerator->index);
    if (steps.has_late()) late.emplace(*runtime, *accelerator, dims);
    steps.set_queue(*queue, queue->fault(), late ? late->values() : nullptr);
    return {runtime, *accelerator, queue.get(), late ? &*late : nullptr};
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
    std::map<Device, std::int64_t> allowed = limits();
    for (auto& [device, bytes] : allowed) {
      if (bytes == 0) bytes = free_bytes_on(device, runtime);
    }
    PreparedBuffers buffers = run_prologue(plan, sources,
                                           {.kernels = kernels,
                                            .resources = {.threads = options.threads},
                                            .threads = threads,
                                            .memory_bytes_max = std::move(allowed),
                                            .runtime = runtime,
                                            .shared = options.prepared.get(),
                                            .cache = options.packed.get()});
    prepared = std::move(buffers.bytes);
    account = buffers.account;
    for (std::size_t i = 0; i < prepared.size(); ++i) {
      if (prepared[i]) prepared_bytes[plan.prepared[i].device] += padded(prepared[i]->size());
    }
  }

  void bind(const Bindings& bindings) {
    const bool anew = !is_bound;
    is_bound = false;
    if (runtime) runtime->make_current(accelerator->index);
    if (anew) dims.forget();
    dims.bind(bindings);
    types.run(bindings, dims);
    anew ? bind_all(bindings) : bind_changed(bindings);
    if (late) late->write(dims);
    is_bound = true;
  }

  void bind_all(const Bindings& bindings) {
    sources.check_weights(bindings);
    validate(plan, ops, kernels, bindings);
    bind_memory(true);
    for (std::size_t i = 0; i < views.size(); ++i) views[i] = view_of(i);
    runner->all_changed();
    steps.bind(bindings, views, find_workspaces());
  }

  void bind_changed(const Bindings& bindings) {
    for (const std::int32_t weight : symbolic_weights) sources.check_weight(weight, bindings);
    changed_tensors.clear();
    // What a captured copy knows of its operands' memory does not outlive it, be the next one at
    // the same address.
    const bool has_other_memory = needs_other_memory();
    if (has_other_memory) {
      bind_memory(false);
      for (std::size_t i = 0; i < views.size(); ++i) renew_view(static_cast<std::int32_t>(i));
      steps.set_workspaces(find_workspaces());
    } else {
      for (const std::int32_t dim : dims.changed_dims()) {
        for (const std::int32_t tensor : tensors_by_dim.of(dim)) renew_view(tensor);
      }
    }
    steps.rebind(bindings, dims, views, changed_tensors);
    has_other_memory ? runner->all_changed() : runner->changed(steps.changed());
  }

  // A slot outgrows its room, or an input or state has another type or place.
  bool needs_other_memory() const {
    if (sources.have_states_moved()) return true;
    for (const std::int32_t dim : dims.changed_dims()) {
      if (!sources_by_dim.of(dim).empty() || slots.is_outgrown(dim, dims)) return true;
    }
    return false;
  }

  void renew_view(std::int32_t tensor) {
    const TensorView view = view_of(tensor);
    if (same(view, views[tensor])) return;
    views[tensor] = view;
    changed_tensors.push_back(tensor);
  }

  void bind_memory(bool anew) {
    SlotMemory::Others others{.needed = prepared_bytes, .held = prepared_bytes};
    const auto add = [&](const Device& device) {
      others.needed[device] += sources.bytes_needed(dims, device);
      others.held[device] += sources.bytes_held(device);
    };
    add(Device{});
    if (accelerator) add(*accelerator);
    slots.bind(dims, others, anew);
    sources.bind(dims);
  }

  std::span<void* const> find_workspaces() {
    workspaces.clear();
    for (const Plan::Instruction& instruction : plan.instructions) {
      workspaces.push_back(instruction.workspace < 0 ? nullptr : slots.at(instruction.workspace));
    }
    return workspaces;
  }

  std::byte* address(const Plan::Tensor& tensor) const {
    if (tensor.storage == Plan::Storage::slot) return slots.at(tensor.index);
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
    runner->run();
  }

  std::vector<double> profile(int repeats) {
    check_ready();
    std::vector<std::vector<double>> seconds(steps.all().size());
    for (int i = 0; i < repeats; ++i) runner->time_once(seconds);
    std::vector<double> medians;
    for (std::vector<double>& samples : seconds) medians.push_back(median(samples));
    return medians;
  }

  double time_captured(const std::function<bool(std::int32_t)>& keeps, int repeats) {
    check_ready();
    std::vector<double> seconds = runner->time_captured(keeps, repeats);
    return median(seconds);
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
  const std::optional<Device> accelerator;  // The one device besides the CPU, if any.
  kernels::DeviceRuntime* const runtime;    // Its; null without one.
  DimTable dims;
  Sources sources;
  TypeCheck types;
  std::unique_ptr<kernels::DeviceQueue> queue;  // Done before what it works on goes.
  Steps steps;
  SlotMemory slots;
  std::vector<std::int32_t> symbolic_weights;    // Nodes: a binding may want more than there is.
  std::vector<PreparedTensors::Bytes> prepared;  // By prepared buffer; none without a prologue.
  std::map<Device, std::int64_t> prepared_bytes;
  PreparedAccount account;
  Dependents tensors_by_dim;
  Dependents sources_by_dim;
  std::vector<Operand> operands;  // By tensor of the plan.
  std::vector<TensorView> views;
  std::vector<std::int32_t> changed_tensors;  // By the bind under way.
  std::vector<void*> workspaces;              // By instruction.
  std::optional<LateTable> late;
  Pool threads;
  std::unique_ptr<Runner> runner;
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

void Session::reserve(const Bindings& bindings) { impl_->slots.reserve(bindings); }

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

double Session::time_captured(const std::function<bool(std::int32_t)>& keeps, int repeats) {
  if (repeats < 1) throw invalid("a profile needs at least one run: {}", repeats);
  return impl_->time_captured(keeps, repeats);
}

TensorView Session::output(std::string_view name) const { return impl_->output(name); }

void Session::clear_states() { impl_->sources.clear_states(); }

const Plan& Session::plan() const { return impl_->plan; }

const PreparedAccount& Session::prepared() const { return impl_->account; }

int Session::captured_count() const { return impl_->runner->captured_count(); }

std::size_t Session::instruction_count() const { return impl_->plan.instructions.size(); }

}  // namespace paceline
