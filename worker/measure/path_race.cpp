#include "worker/measure/path_race.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "worker/compile/compile.h"
#include "worker/measure/host_lock.h"
#include "worker/measure/interleave.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

// A candidate this far behind the best of a round does not come back.
constexpr double hopeless_ratio = 1.5;

double flops_of(const Graph& graph, const OpSet& ops, const Bindings& bindings) {
  double flops = 0;
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::op) continue;
    std::vector<TensorType> types;
    for (const ValueRef input : node.inputs) types.push_back(graph.type(input));
    const Op& op = ops.get(node.op);
    if (!op.work) continue;
    flops += static_cast<double>(op.work({types, node.attributes}).flops.evaluate(bindings));
  }
  return flops;
}

double median_of(const std::vector<double>& samples) { return summary_of(samples).median_s; }

double half_width(const std::vector<double>& samples) {
  const Summary summary = summary_of(samples);
  return summary.median_s > 0 ? (summary.high_s - summary.low_s) / (2 * summary.median_s) : 0;
}

Tensor drawn(const TensorType& type, const Bindings& bindings, std::int64_t index_bound,
             double scale, double offset, Random& random) {
  const Extents extents = evaluate(type.shape, bindings);
  Tensor tensor(is_float(type.dtype) ? Dtype::f64 : Dtype::i64, extents);
  for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
    if (is_float(type.dtype)) {
      tensor.as<double>()[i] = offset + scale * random.normal();
    } else {
      tensor.as<std::int64_t>()[i] = random.below(std::max<std::int64_t>(index_bound, 2));
    }
  }
  return tensor.cast(type.dtype);
}

}  // namespace

struct PathRace::Runner {
  std::unique_ptr<Session> session;
  PathMeasurement row;
  bool is_in = false;
};

PathRace::PathRace(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
                   const Bindings& bindings, RaceData data, int threads)
    : graph_(graph),
      ops_(ops),
      kernels_(kernels),
      bindings_(bindings),
      data_(std::move(data)),
      threads_(threads) {}

std::optional<std::map<std::string, Tensor>> PathRace::reference(double flops_max) const {
  if (flops_of(graph_, ops_, bindings_) > flops_max) return std::nullopt;
  return interpret(graph_, ops_, bindings_, data_.inputs, data_.weights);
}

void PathRace::start(Runner& runner, const Path& path) const {
  const Resources resources{.threads = threads_};
  Plan plan = compile(path, ops_, kernels_, bindings_, resources);
  runner.session = std::make_unique<Session>(std::move(plan), ops_, kernels_, data_.weights,
                                             Session::Options{.threads = threads_});
  runner.session->bind(bindings_);
  for (const auto& [name, tensor] : data_.inputs) runner.session->set_input(name, tensor);
  runner.session->clear_states();
  runner.session->run();
  runner.is_in = true;
}

std::vector<PathMeasurement> PathRace::run(std::span<const PathCandidate> candidates,
                                           double tolerance, const RaceBudget& budget,
                                           std::uint64_t seed) const {
  const HostLock lock("cpu", {});
  const auto expected = reference(budget.reference_flops_max);
  std::map<std::string, Tensor> of_default;  // What stands in where the reference is too slow.
  std::vector<Runner> runners(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Runner& runner = runners[i];
    runner.row.id = PathMeasurementId::random();
    runner.row.path = candidates[i].path.id();
    runner.row.bindings = bindings_;
    runner.row.predicted_s = candidates[i].predicted_s;
    runner.row.method = expected ? path_method_reference : path_method_default;
    try {
      start(runner, candidates[i].path);
    } catch (const Error& error) {
      runner.row.outcome = error.kind() == ErrorKind::exhausted ? Outcome::out_of_memory
                                                                : Outcome::unsupported;
      runner.row.reason = error.what();
      log::warning("path-refused", {{"path", runner.row.path.to_string()}, {"why", error.what()}});
      continue;
    }
    TensorError worst;
    for (const NamedOutput& output : graph_.outputs()) {
      const TensorView view = runner.session->output(output.name);
      if (!expected && i == 0) of_default.emplace(output.name, dense_copy(view));
      const auto& wanted = expected ? *expected : of_default;
      const auto found = wanted.find(output.name);
      if (found == wanted.end()) continue;
      const TensorError error = compare(view, found->second.view());
      worst.relative = std::max(worst.relative, error.relative);
      worst.elementwise = std::max(worst.elementwise, error.elementwise);
    }
    runner.row.error_relative = worst.relative;
    runner.row.error_elementwise = worst.elementwise;
    // The default is never out: it is what runs when nothing else may.
    if (i > 0 && !(worst.relative <= tolerance)) {
      runner.row.outcome = Outcome::wrong;
      runner.row.reason =
          fmt::format("error {:.2g} is above the tolerance {:.2g}", worst.relative, tolerance);
      runner.is_in = false;
    }
  }

  std::vector<std::vector<double>> samples(runners.size());
  double noise_floor = 0;
  const std::int64_t start_ns = monotonic_ns();
  const auto elapsed_s = [&] { return 1e-9 * static_cast<double>(monotonic_ns() - start_ns); };
  for (int blocks = budget.blocks_first;; blocks = std::min(2 * blocks, budget.blocks_last)) {
    std::vector<std::size_t> in;
    for (std::size_t i = 0; i < runners.size(); ++i) {
      if (runners[i].is_in) in.push_back(i);
    }
    if (in.empty()) break;
    const bool is_last = static_cast<int>(in.size()) <= budget.finalists ||
                         elapsed_s() > budget.seconds || blocks >= budget.blocks_last;
    std::vector<Contestant> contestants;
    for (const std::size_t i : in) {
      contestants.push_back({"path", [&runners, i] { runners[i].session->run(); }});
    }
    // The A/A pair of the sitting: the default against itself.
    if (is_last) contestants.push_back(contestants.front());
    const auto timed =
        interleave(contestants, is_last ? budget.blocks_last : blocks, 1, seed + blocks);
    std::vector<double> medians;
    for (std::size_t k = 0; k < in.size(); ++k) {
      samples[in[k]] = timed[k];  // The last round's are the most, and all of one sitting.
      medians.push_back(median_of(timed[k]));
    }
    if (is_last) {
      noise_floor = std::max(std::abs(median_of(timed.back()) / medians.front() - 1),
                             half_width(timed.front()));
      break;
    }
    // Half of them go, and whoever is hopeless; the default stays.
    std::vector<std::size_t> order(in.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t k) { return medians[k]; });
    const std::size_t keep =
        std::max<std::size_t>((in.size() + 1) / 2, static_cast<std::size_t>(budget.finalists));
    for (std::size_t place = 0; place < order.size(); ++place) {
      const std::size_t k = order[place];
      const bool behind = place >= keep || medians[k] > hopeless_ratio * medians[order[0]];
      if (behind && in[k] != 0) runners[in[k]].is_in = false;
    }
  }

  std::vector<PathMeasurement> rows;
  for (std::size_t i = 0; i < runners.size(); ++i) {
    PathMeasurement row = std::move(runners[i].row);
    if (row.outcome == Outcome::ok) {
      row.summary = summary_of(samples[i]);
      row.samples_s = samples[i];
      row.blocks.resize(samples[i].size());
      std::iota(row.blocks.begin(), row.blocks.end(), 0);
    }
    row.noise_floor = noise_floor;
    row.finished = now();
    rows.push_back(std::move(row));
  }
  return rows;
}

RaceData draw_race_data(const Graph& graph, const Bindings& bindings, std::int64_t index_bound,
                        std::uint64_t seed) {
  RaceData data;
  Random random(seed);
  for (const Node& node : graph.nodes()) {
    if (node.kind != NodeKind::input && node.kind != NodeKind::weight) continue;
    const TensorType& type = node.outputs[0];
    const bool is_matrix = node.kind == NodeKind::weight && type.shape.size() >= 2;
    // Sums over a row of a matrix keep their size; what scales by channel stays around 1.
    const double scale =
        is_matrix ? 1 / std::sqrt(static_cast<double>(type.shape.back().evaluate(bindings)))
        : node.kind == NodeKind::weight ? 0.1
                                        : 1.0;
    const double offset = node.kind == NodeKind::weight && !is_matrix ? 1 : 0;
    Tensor tensor = drawn(type, bindings, index_bound, scale, offset, random);
    if (node.kind == NodeKind::weight) {
      data.weights.emplace(node.name, std::move(tensor));
    } else {
      data.inputs.emplace(node.name, std::move(tensor));
    }
  }
  return data;
}

}  // namespace paceline
