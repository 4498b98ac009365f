#include <algorithm>

#include "common/base/log.h"
#include "worker/measure/further_inputs.h"
#include "worker/measure/path_race.h"
#include "worker/measure/race_runner.h"
#include "worker/measure/raised_graph.h"
#include "worker/probe/probe.h"

// How far paths of a graph that computes in halves are from what it gives without rounding to them.
namespace paceline {
namespace {

RaceData raised(const RaceData& data) {
  RaceData found;
  for (const auto& [name, tensor] : data.weights) found.weights.emplace(name, raised(tensor));
  for (const auto& [name, tensor] : data.inputs) found.inputs.emplace(name, raised(tensor));
  return found;
}

// Of weights as f32, once more than they take as they are.
std::int64_t raised_bytes(const RaceData& data) {
  std::int64_t bytes = 0;
  for (const auto& [name, tensor] : data.weights) {
    bytes += tensor.element_count() * static_cast<std::int64_t>(sizeof(float));
  }
  return bytes;
}

}  // namespace

bool PathRace::counts(const Tensor& value) const {
  return !has_halves_ || !gives_floats_ || is_float(value.dtype());
}

std::vector<PathRace::Values> PathRace::unrounded(double flops_max) const {
  if (!has_halves_) return {};
  const auto without = [](std::string_view why) {
    log::warning("race-without-f32",
                 {{"why", why}, {"so", "errors are told from the default path"}});
    return std::vector<Values>();
  };
  if (raised_bytes(data_) > available_memory_bytes() / 2) {
    return without("the weights as f32 take more than half of the memory available");
  }
  try {
    const Graph graph = raised(graph_, ops_);
    const RaceData data = raised(data_);
    // Where a GPU may be used, it is there for this.
    std::vector<Kernel> of_gpu;
    std::ranges::copy_if(kernels_, std::back_inserter(of_gpu), [](const Kernel& kernel) {
      return kernel.info.device == DeviceKind::cuda;
    });
    const PathRace race(graph, ops_, of_gpu.empty() ? kernels_ : std::span<const Kernel>(of_gpu),
                        bindings_, data, threads_);
    return race.values_on_all_inputs(flops_max);
  } catch (const Error& error) {
    return without(error.what());
  }
}

std::vector<PathRace::Values> PathRace::values_on_all_inputs(double flops_max) const {
  std::vector<InputSet> sets = further_inputs(data_.inputs, further_seed);
  sets.insert(sets.begin(), data_.inputs);
  const bool is_small = flops() <= flops_max;
  std::optional<Runner> runner;
  std::vector<Values> values;
  for (const InputSet& inputs : sets) {
    if (is_small) {
      values.push_back(interpreted(inputs));
      continue;
    }
    if (!runner) runner = exact({.graph = graph_, .choices = {}});
    feed(*runner, inputs);
    runner->session->run();
    values.push_back(values_of(*runner));
  }
  return values;
}

void PathRace::check_halves(std::span<Runner> runners, std::span<const Values> expected,
                            double tolerance) const {
  const std::vector<InputSet> further = further_inputs(data_.inputs, further_seed);
  for (Runner& runner : runners) {
    if (!runner.is_in) continue;
    check(runner, expected.front());
    for (std::size_t i = 0; i < further.size(); ++i) {
      feed(runner, further[i]);
      runner.session->run();
      check(runner, expected[i + 1]);
    }
    feed(runner, data_.inputs);
  }
  Runner& standing = runners.front();
  if (standing.is_in) standing.row.method = path_method_unrounded_default;
  const double allowed = error_allowed(tolerance, standing.is_in ? standing.row.error_relative : 0);
  for (Runner& runner : runners) {
    if (runner.is_in) require_within(runner, allowed, tolerance);
  }
}

}  // namespace paceline
