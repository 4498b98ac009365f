#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "common/base/error.h"
#include "common/base/time.h"
#include "kernels/cuda_module.h"
#include "worker/measure/gpu_watch.h"
#include "worker/measure/stage.h"
#include "worker/probe/gpus.h"

namespace paceline {
namespace {

using kernels::DeviceBytes;
using kernels::DeviceEvent;
using kernels::DeviceGraph;
using kernels::DeviceProperties;
using kernels::DeviceQueue;
using kernels::DeviceRuntime;

// Long enough to enqueue a call while those before it still wait, by a margin.
constexpr double enqueue_seconds = 4e-6;
constexpr double enqueue_seconds_min = 50e-6;
// From so many calls on a sample is one captured graph.
constexpr int calls_in_graph_min = 4;
constexpr int calls_in_graph_max = 200;
// Sets of operands that a cold sample uses in turn.
constexpr std::int64_t sets_max = 64;

std::int64_t unix_us() { return to_unix_ns(now()) / 1000; }

// The bytes that a view's elements lie among, and where the view begins in them.
struct Span {
  std::int64_t before = 0;  // Of the lowest element, from view.data, backwards.
  std::int64_t bytes = 0;
};

Span span_of(const TensorView& view) {
  const auto size = static_cast<std::int64_t>(size_bytes(view.dtype));
  Span span{.bytes = size};
  if (view.element_count() == 0) return {};
  for (int axis = 0; axis < view.rank; ++axis) {
    const std::int64_t reach = view.strides[axis] * (view.extents[axis] - 1) * size;
    if (reach < 0) span.before -= reach;
    span.bytes += std::abs(reach);
  }
  return span;
}

// One set of operands on the device.
struct DeviceOperands {
  std::vector<DeviceBytes> memory;
  std::vector<TensorView> inputs;
  std::vector<TensorView> outputs;
};

TensorView mirrored(const TensorView& view, const DeviceBytes& memory) {
  TensorView mirror = view;
  mirror.data = memory.get() + span_of(view).before;
  return mirror;
}

// Shared by a stage and its instances.
struct Setting {
  const int device;
  const Workload& workload;
  Operands& operands;
  DeviceRuntime& runtime;
  DeviceProperties properties;
  std::unique_ptr<DeviceQueue> queue;
  std::vector<int> updated;  // By output: the input that it lies in; -1: none.
  std::int64_t set_bytes = 0;
  std::vector<DeviceOperands> sets;
  DeviceBytes flushed;  // As large as the second-level cache.
  GpuWatch watch;

  Setting(int device, const Workload& workload, Operands& operands, DeviceRuntime& runtime);

  // As many as together are twice the cache, or 1 when even `sets_max` are not.
  std::int64_t sets_for_cold() const {
    const std::int64_t wanted =
        2 + (2 * properties.l2_bytes) / std::max<std::int64_t>(set_bytes, 1);
    return wanted <= sets_max ? wanted : 1;
  }
  void add_set();
  void make_cold_sets();
  void flush();
};

Setting::Setting(int device, const Workload& workload, Operands& operands, DeviceRuntime& runtime)
    : device(device),
      workload(workload),
      operands(operands),
      runtime(runtime),
      properties(runtime.properties(device)),
      queue(runtime.open_queue(device)),
      watch(*queue, device) {
  for (const TensorView& output : operands.outputs()) {
    const auto input = std::ranges::find(operands.inputs(), output.data, &TensorView::data);
    const bool is_update = input != operands.inputs().end() && output.data != nullptr;
    updated.push_back(is_update ? static_cast<int>(input - operands.inputs().begin()) : -1);
  }
  add_set();
  for (std::size_t i = 0; i < operands.inputs().size(); ++i) {
    const TensorView& host = operands.inputs()[i];
    const Span span = span_of(host);
    queue->upload(sets[0].memory[i].get(), host.as<std::byte>() - span.before, span.bytes);
  }
  queue->finish();
}

void Setting::add_set() {
  DeviceOperands set;
  const auto mirror = [&](const TensorView& host) {
    const Span span = span_of(host);
    set.memory.push_back(runtime.allocate(device, span.bytes));
    if (sets.empty()) set_bytes += span.bytes;
    return mirrored(host, set.memory.back());
  };
  for (const TensorView& host : operands.inputs()) set.inputs.push_back(mirror(host));
  for (std::size_t i = 0; i < operands.outputs().size(); ++i) {
    set.outputs.push_back(updated[i] >= 0 ? set.inputs[updated[i]] : mirror(operands.outputs()[i]));
  }
  sets.push_back(std::move(set));
}

void Setting::make_cold_sets() {
  const std::int64_t wanted = sets_for_cold();
  if (wanted == 1 && flushed == nullptr) flushed = runtime.allocate(device, properties.l2_bytes);
  while (std::ssize(sets) < wanted) {
    add_set();
    for (std::size_t i = 0; i < operands.inputs().size(); ++i) {
      queue->copy(sets.back().memory[i].get(), sets.front().memory[i].get(),
                  span_of(operands.inputs()[i]).bytes);
    }
  }
  queue->finish();
}

void Setting::flush() { queue->fill(flushed.get(), std::byte{0}, properties.l2_bytes); }

class CudaInstance final : public Instance {
 public:
  CudaInstance(const Kernel& kernel, Setting& setting) : kernel_(kernel), setting_(setting) {
    setting_.runtime.make_current(setting_.device);
    const std::int64_t bytes = workspace_bytes_of(kernel, setting_.workload, resources());
    workspace_bytes_ = bytes;
    workspace_ = setting_.runtime.allocate(setting_.device, bytes);
    add_call();
  }

  ~CudaInstance() override {
    graph_.reset();
    calls_.clear();
  }

  double run() override {
    const auto begin = setting_.queue->record();
    kernel_.run(calls_.front().call);
    const auto end = setting_.queue->record();
    const double seconds = end->seconds_since(*begin);
    if (kernel_.crossing == Kernel::Crossing::to_host) {
      // To where fetch() looks for it.
      const TensorView& there = setting_.sets.front().outputs.front();
      setting_.queue->copy(there.data, calls_.front().pinned.get(), span_of(there).bytes);
    }
    check_faults();
    return seconds;
  }

  TimedSample sample(Regime regime, int calls, bool) override {
    const std::string disturbance = setting_.watch.disturbance();
    double seconds = 0;
    if (regime == Regime::hot) {
      seconds = time_hot(calls);
    } else {
      setting_.make_cold_sets();
      while (calls_.size() < setting_.sets.size()) add_call();
      seconds = setting_.sets.size() > 1 ? time_in_turn(calls) : time_flushed(calls);
    }
    check_faults();
    return {seconds, disturbance};
  }

  std::int64_t workspace_bytes() const override { return workspace_bytes_; }

 private:
  struct Ready {
    std::unique_ptr<Prepared> prepared;
    std::vector<TensorView> inputs, outputs;
    DeviceBytes pinned;  // One end of a transfer.
    Call call;
  };

  Resources resources() const { return {.device = {DeviceKind::cuda, setting_.device}}; }

  // Nobody writes operands between calls, but calls what they update.
  std::uint32_t lasting_inputs() const {
    std::uint32_t bits = ~std::uint32_t{0};
    for (const int input : setting_.updated) {
      if (input >= 0 && input < 32) bits &= ~(std::uint32_t{1} << input);
    }
    return bits;
  }

  // One more, on the set of operands of its number.
  void add_call() {
    const DeviceOperands& set = setting_.sets[calls_.size()];
    Ready ready;
    ready.inputs = set.inputs;
    ready.outputs = set.outputs;
    cross(ready);
    if (kernel_.prepare) {
      ready.prepared = kernel_.prepare(setting_.workload.attributes, resources());
    }
    ready.call = {.inputs = ready.inputs,
                  .outputs = ready.outputs,
                  .workspace = workspace_.get(),
                  .prepared = ready.prepared.get(),
                  .stream = setting_.queue->stream(),
                  .fault = setting_.queue->fault(),
                  .lasting_inputs = lasting_inputs()};
    if (kernel_.bind != nullptr) kernel_.bind(ready.call);
    calls_.push_back(std::move(ready));
  }

  // What a transfer takes from the host or brings there lies in pinned memory, as in plans.
  void cross(Ready& ready) {
    if (kernel_.crossing == Kernel::Crossing::none) return;
    const bool is_from_host = kernel_.crossing == Kernel::Crossing::to_device;
    TensorView& view = is_from_host ? ready.inputs.front() : ready.outputs.front();
    const std::int64_t bytes = span_of(view).bytes;
    ready.pinned = setting_.runtime.allocate_pinned(bytes);
    if (is_from_host) setting_.queue->copy(ready.pinned.get(), view.data, bytes);
    view.data = ready.pinned.get();
  }

  void check_faults() {
    if (const auto fault = setting_.queue->finish()) {
      throw invalid("{}: {}", kernel_.info.name, kernels::to_string(*fault));
    }
  }

  double time_hot(int calls) {
    kernel_.run(calls_.front().call);
    if (calls >= calls_in_graph_min && calls <= calls_in_graph_max) {
      if (DeviceGraph* graph = graph_of(calls, 1)) return time([&] { graph->launch(); }, 1);
    }
    return time(
        [&] {
          for (int i = 0; i < calls; ++i) kernel_.run(calls_.front().call);
        },
        calls);
  }

  // Each call finds operands that those between have pushed out of the cache.
  double time_in_turn(int calls) {
    const auto sets = static_cast<int>(calls_.size());
    // Whole turns, that a replay begins with what the one before has pushed out; not far more of
    // them than were asked for, which calls of some length do not need.
    const int turn = (std::min(calls, calls_in_graph_max) + sets - 1) / sets * sets;
    const bool is_worth_it = calls >= calls_in_graph_min && turn <= 4 * calls;
    if (is_worth_it && kernel_.crossing == Kernel::Crossing::none) {
      const int replays = (calls + turn - 1) / turn;
      if (DeviceGraph* graph = graph_of(turn, sets)) {
        const double seconds = time(
            [&] {
              for (int i = 0; i < replays; ++i) graph->launch();
            },
            turn);
        return seconds * calls / (static_cast<double>(turn) * replays);
      }
    }
    return time(
        [&] {
          for (int i = 0; i < calls; ++i) {
            kernel_.run(calls_[next_].call);
            next_ = (next_ + 1) % calls_.size();
          }
        },
        calls);
  }

  double time_flushed(int calls) {
    double seconds = 0;
    for (int i = 0; i < calls; ++i) {
      setting_.flush();
      seconds += time([&] { kernel_.run(calls_.front().call); }, 1);
    }
    return seconds;
  }

  // Everything is enqueued before the first of it starts.
  template <typename Work>
  double time(Work&& work, int calls) {
    DeviceQueue& queue = *setting_.queue;
    queue.keep_busy(std::max(enqueue_seconds_min, enqueue_seconds * calls));
    const auto begin = queue.record();
    work();
    const auto end = queue.record();
    return end->seconds_since(*begin);
  }

  // Calls on so many sets of operands in turn. Null when the kernel cannot be captured.
  DeviceGraph* graph_of(int calls, int sets) {
    if (calls_in_graph_ != calls || sets_in_graph_ != sets) {
      calls_in_graph_ = calls;
      sets_in_graph_ = sets;
      graph_.reset();
      DeviceQueue& queue = *setting_.queue;
      queue.begin_capture();
      for (int i = 0; i < calls; ++i) kernel_.run(calls_[i % sets].call);
      try {
        graph_ = queue.end_capture();
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::unsupported) throw;
      }
    }
    return graph_.get();
  }

  const Kernel& kernel_;
  Setting& setting_;
  DeviceBytes workspace_;
  std::int64_t workspace_bytes_ = 0;
  std::vector<Ready> calls_;  // By set of operands.
  std::size_t next_ = 0;
  std::unique_ptr<DeviceGraph> graph_;
  int calls_in_graph_ = 0, sets_in_graph_ = 0;
};

class CudaStage final : public Stage {
 public:
  CudaStage(int device, const Workload& workload, Operands& operands, DeviceRuntime& runtime)
      : setting_(device, workload, operands, runtime) {}

  void reset() override {
    DeviceOperands& set = setting_.sets.front();
    DeviceQueue& queue = *setting_.queue;
    const std::vector<int>& updated = setting_.updated;
    if (std::ranges::any_of(updated, [](int input) { return input >= 0; })) {
      setting_.operands.reset();
    }
    for (std::size_t i = 0; i < set.outputs.size(); ++i) {
      if (updated[i] >= 0) {
        const TensorView& host = setting_.operands.inputs()[updated[i]];
        const Span span = span_of(host);
        queue.upload(set.memory[updated[i]].get(), host.as<std::byte>() - span.before, span.bytes);
        continue;
      }
      const TensorView& view = set.outputs[i];
      const Span span = span_of(view);
      const std::byte ones{static_cast<unsigned char>(view.dtype == Dtype::boolean ? 1 : 0xff)};
      queue.fill(view.as<std::byte>() - span.before, ones, span.bytes);
    }
    queue.finish();
  }

  std::unique_ptr<Instance> open(const Kernel& kernel) override {
    return std::make_unique<CudaInstance>(kernel, setting_);
  }

  void fetch() override {
    const DeviceOperands& set = setting_.sets.front();
    for (std::size_t i = 0; i < set.outputs.size(); ++i) {
      const TensorView& host = setting_.operands.outputs()[i];
      const Span span = span_of(host);
      setting_.queue->copy(host.as<std::byte>() - span.before,
                           set.outputs[i].as<std::byte>() - span.before, span.bytes);
    }
    setting_.queue->finish();
  }

  bool repeats_cold() const override { return true; }

  std::optional<Clock> clock() const override {
    const auto activity = gpu_activity(setting_.device, unix_us());
    if (!activity) return Clock{std::nullopt, "unavailable"};
    return Clock{activity->clock_mhz, to_string(*activity)};
  }

  std::optional<Peaks> peaks() const override {
    static std::map<int, kernels::DevicePeaks> known;  // By device.
    const auto [at, is_new] = known.try_emplace(setting_.device);
    if (is_new) at->second = setting_.runtime.measure_peaks(setting_.device);
    return Peaks{at->second.flops_per_s, at->second.bytes_per_s};
  }

 private:
  Setting setting_;
};

}  // namespace

std::unique_ptr<Stage> open_cuda_stage(int device, const Workload& workload, Operands& operands) {
  if (const auto absence = kernels::cuda_absence()) {
    throw unsupported("nothing can be measured on cuda:{}: {}", device, *absence);
  }
  const int count = kernels::device_runtime()->count();
  if (device >= count) {
    throw unsupported("nothing can be measured on cuda:{}: this machine has {} GPUs", device,
                      count);
  }
  return std::make_unique<CudaStage>(device, workload, operands, *kernels::device_runtime());
}

}  // namespace paceline
