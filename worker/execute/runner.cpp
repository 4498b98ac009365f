#include "worker/execute/runner.h"

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/time.h"

namespace paceline {

Runner::Runner(const Plan& plan, const Steps& steps, Pool& threads, const RunnerDevice& device)
    : plan_(plan), steps_(steps), threads_(threads), device_(device) {
  for (std::int32_t i = 0; i < std::ssize(plan.instructions); ++i) {
    const Plan::Instruction& instruction = plan.instructions[i];
    const bool is_host = instruction.device.kind == DeviceKind::cpu;
    if (segments_.empty() || segments_.back().is_host != is_host) {
      segments_.push_back({.first = i, .is_host = is_host});
    }
    Segment& segment = segments_.back();
    segment.end = i + 1;
    segment.can_be_captured = segment.can_be_captured && may_be_captured(instruction);
    segment_of_.push_back(static_cast<std::int32_t>(segments_.size() - 1));
  }
  for (Bundle& bundle : bundles_of(plan)) {
    segments_[segment_of_[bundle.first]].bundles.push_back(std::move(bundle));
  }
}

// What crosses does so from and to pinned memory: inputs and slots.
bool Runner::may_be_captured(const Plan::Instruction& instruction) const {
  const auto is_pinned = [&](std::int32_t index) {
    const Plan::Tensor& tensor = plan_.tensors[index];
    return plan_.device_of(tensor) != Device{} || tensor.storage == Plan::Storage::slot ||
           tensor.storage == Plan::Storage::input;
  };
  return std::ranges::all_of(instruction.inputs, is_pinned) &&
         std::ranges::all_of(instruction.outputs, is_pinned);
}

void Runner::changed(std::span<const std::int32_t> steps) {
  for (const std::int32_t step : steps) {
    Segment& segment = segments_[segment_of_[step]];
    segment.has_run = false;
    segment.graph = nullptr;
  }
}

void Runner::all_changed() {
  for (Segment& segment : segments_) {
    segment.has_run = false;
    segment.graph = nullptr;
  }
}

int Runner::captured_count() const {
  return static_cast<int>(std::ranges::count_if(
      segments_, [](const Segment& segment) { return segment.graph != nullptr; }));
}

void Runner::run() {
  if (device_.runtime == nullptr) {
    for (const Segment& segment : segments_) run_host(segment);
    return;
  }
  device_.runtime->make_current(device_.device.index);
  try {
    run_segments();
  } catch (...) {
    settle();  // Nobody may free or write what the device still reads.
    throw;
  }
}

void Runner::run_segments() {
  bool is_pending = false;
  for (Segment& segment : segments_) {
    if (segment.is_host) {
      if (is_pending) finish();
      run_host(segment);
    } else {
      run_device(segment);
    }
    is_pending = !segment.is_host;
  }
  if (is_pending) finish();
}

void Runner::run_host(const Segment& segment) {
  threads_.execute([&] {
    std::int32_t at = segment.first;
    for (const Bundle& bundle : segment.bundles) {
      run_steps(at, bundle.first);
      run_bundle(bundle);
      at = bundle.end;
    }
    run_steps(at, segment.end);
  });
}

void Runner::run_steps(std::int32_t first, std::int32_t end) const {
  for (const Step& step : steps_.all().subspan(first, end - first)) step.run(step.call);
}

void Runner::run_bundle(const Bundle& bundle) {
  threads_.side_by_side(std::ssize(bundle.lanes), [&](std::int64_t lane) {
    for (const std::int32_t at : bundle.lanes[lane]) {
      const Step& step = steps_.all()[at];
      step.run(step.call);
    }
  });
}

void Runner::run_device(Segment& segment) {
  if (!segment.graph && segment.has_run && segment.can_be_captured) capture(segment);
  if (segment.graph) {
    segment.graph->launch();
  } else {
    enqueue(segment);
    segment.has_run = true;
  }
}

// A segment that cannot be captured is one of plain launches from then on.
void Runner::capture(Segment& segment) {
  std::string why;
  const auto attempt = [&](const auto& work) {
    try {
      work();
    } catch (const kernels::DeviceLost&) {
      throw;
    } catch (const Error& error) {
      if (why.empty()) why = error.what();
    }
  };
  attempt([&] { device_.queue->begin_capture(); });
  if (why.empty()) {
    attempt([&] { enqueue(segment); });
    attempt([&] { segment.graph = device_.queue->end_capture(); });
  }
  if (why.empty()) return;
  segment.graph = nullptr;
  segment.can_be_captured = false;
  log::warning(
      "segment-not-captured",
      {{"graph", plan_.graph.name()}, {"steps", segment.end - segment.first}, {"why", why}});
}

void Runner::enqueue(const Segment& segment) const {
  if (device_.late) device_.late->upload(*device_.queue);
  for (std::int32_t i = segment.first; i < segment.end; ++i) {
    const Step& step = steps_.all()[i];
    step.run(step.call);
  }
}

void Runner::time_once(std::vector<std::vector<double>>& seconds) {
  if (device_.runtime) device_.runtime->make_current(device_.device.index);
  try {
    for (const Segment& segment : segments_) {
      segment.is_host ? time_host(segment, seconds) : time_device(segment, seconds);
    }
  } catch (...) {
    if (device_.runtime) settle();
    throw;
  }
}

void Runner::time_host(const Segment& segment, std::vector<std::vector<double>>& seconds) {
  threads_.execute([&] {
    for (std::int32_t i = segment.first; i < segment.end; ++i) {
      const Step& step = steps_.all()[i];
      const auto run = [&](std::int64_t) { step.run(step.call); };
      const std::int64_t start_ns = monotonic_ns();
      plan_.instructions[i].bundle < 0 ? run(0) : threads_.side_by_side(1, run);
      seconds[i].push_back(static_cast<double>(monotonic_ns() - start_ns) * 1e-9);
    }
  });
}

// Held back until all of it is enqueued: what is between two events is then the step alone.
void Runner::time_device(const Segment& segment, std::vector<std::vector<double>>& seconds) {
  constexpr double seconds_a_step = 10e-6;
  if (device_.late) device_.late->upload(*device_.queue);
  device_.queue->keep_busy(seconds_a_step * (segment.end - segment.first));
  std::vector<std::unique_ptr<kernels::DeviceEvent>> events;
  events.push_back(device_.queue->record());
  for (std::int32_t i = segment.first; i < segment.end; ++i) {
    const Step& step = steps_.all()[i];
    step.run(step.call);
    events.push_back(device_.queue->record());
  }
  finish();
  for (std::int32_t i = segment.first; i < segment.end; ++i) {
    const std::size_t at = i - segment.first;
    seconds[i].push_back(events[at + 1]->seconds_since(*events[at]));
  }
}

std::unique_ptr<kernels::DeviceGraph> Runner::captured(
    const Segment& segment, const std::function<bool(std::int32_t)>& keeps) const {
  if (!segment.can_be_captured) throw unsupported("these steps cannot be captured");
  device_.queue->begin_capture();
  try {
    if (device_.late) device_.late->upload(*device_.queue);
    for (std::int32_t i = segment.first; i < segment.end; ++i) {
      const Step& step = steps_.all()[i];
      if (keeps(i)) step.run(step.call);
    }
  } catch (...) {
    device_.queue->end_capture();  // The queue is usable again.
    throw;
  }
  return device_.queue->end_capture();
}

std::vector<double> Runner::time_captured(const std::function<bool(std::int32_t)>& keeps,
                                          int repeats) {
  constexpr double launch_seconds = 200e-6;
  if (!device_.runtime) throw unsupported("a plan for the CPU alone has nothing to capture");
  device_.runtime->make_current(device_.device.index);
  std::vector<double> seconds(static_cast<std::size_t>(repeats));
  for (const Segment& segment : segments_) {
    if (segment.is_host) continue;
    const auto graph = captured(segment, keeps);
    for (double& sum : seconds) {
      device_.queue->keep_busy(launch_seconds);
      const auto begin = device_.queue->record();
      graph->launch();
      const auto end = device_.queue->record();
      // Steps that are left out leave values that mean nothing: what others say of them is none.
      device_.queue->finish();
      sum += end->seconds_since(*begin);
    }
  }
  return seconds;
}

void Runner::finish() {
  const std::optional<DataFault> fault = device_.queue->finish();
  if (!fault) return;
  const bool is_known = fault->step >= 0 && fault->step < std::ssize(plan_.instructions);
  throw invalid("{}: {}", is_known ? plan_.instructions[fault->step].op : "a kernel",
                kernels::to_string(*fault));
}

void Runner::settle() noexcept {
  try {
    device_.queue->finish();
  } catch (const std::exception&) {
    // What made the run fail is told.
  }
}

}  // namespace paceline
