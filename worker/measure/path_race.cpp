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
  std::vector<double> samples;  // Of the last round that it took part in.
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

void PathRace::start(Runner& runner, const PathCandidate& candidate) const {
  runner.row.id = PathMeasurementId::random();
  runner.row.path = candidate.path.id();
  runner.row.bindings = bindings_;
  runner.row.predicted_s = candidate.predicted_s;
  try {
    const Resources resources{.threads = threads_};
    Plan plan = compile(candidate.path, ops_, kernels_, bindings_, resources);
    runner.session = std::make_unique<Session>(std::move(plan), ops_, kernels_, data_.weights,
                                               Session::Options{.threads = threads_});
    runner.session->bind(bindings_);
    for (const auto& [name, tensor] : data_.inputs) runner.session->set_input(name, tensor);
    runner.session->clear_states();
    runner.session->run();
    runner.is_in = true;
  } catch (const Error& error) {
    const bool exhausted = error.kind() == ErrorKind::exhausted;
    runner.row.outcome = exhausted ? Outcome::out_of_memory : Outcome::unsupported;
    runner.row.reason = error.what();
    log::warning("path-refused", {{"path", runner.row.path.to_string()}, {"why", error.what()}});
  }
}

std::map<std::string, Tensor> PathRace::outputs_of(const Runner& runner) const {
  std::map<std::string, Tensor> outputs;
  for (const NamedOutput& output : graph_.outputs()) {
    outputs.emplace(output.name, dense_copy(runner.session->output(output.name)));
  }
  return outputs;
}

void PathRace::check(Runner& runner, const std::map<std::string, Tensor>& expected) const {
  TensorError worst;
  for (const auto& [name, wanted] : expected) {
    const TensorError error = compare(runner.session->output(name), wanted.view());
    worst.relative = std::max(worst.relative, error.relative);
    worst.elementwise = std::max(worst.elementwise, error.elementwise);
  }
  runner.row.error_relative = worst.relative;
  runner.row.error_elementwise = worst.elementwise;
}

std::vector<PathRace::Runner> PathRace::line_up(std::span<const PathCandidate> candidates,
                                                double tolerance,
                                                double reference_flops_max) const {
  auto expected = reference(reference_flops_max);
  const std::int32_t method = expected ? path_method_reference : path_method_default;
  std::vector<Runner> runners(candidates.size());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Runner& runner = runners[i];
    start(runner, candidates[i]);
    runner.row.method = method;
    if (!runner.is_in) continue;
    if (!expected) expected = outputs_of(runner);
    check(runner, *expected);
    // The default is never out: it is what runs when nothing else may.
    if (i > 0 && !(runner.row.error_relative <= tolerance)) {
      runner.row.outcome = Outcome::wrong;
      runner.row.reason = fmt::format("error {:.2g} is above the tolerance {:.2g}",
                                      runner.row.error_relative, tolerance);
      runner.is_in = false;
    }
  }
  return runners;
}

std::vector<double> PathRace::round(std::span<Runner* const> in, int blocks,
                                    std::uint64_t seed) const {
  std::vector<Contestant> contestants;
  for (Runner* runner : in) {
    contestants.push_back({"path", [runner] { runner->session->run(); }});
  }
  contestants.push_back(contestants.front());  // The A/A pair of the sitting.
  auto timed = interleave(contestants, blocks, 1, seed);
  for (std::size_t k = 0; k < in.size(); ++k) in[k]->samples = std::move(timed[k]);
  return std::move(timed.back());
}

// Half of them go, and whoever is hopeless; the default, the first, stays.
void PathRace::halve(std::span<Runner* const> in, int finalists) {
  std::vector<std::pair<double, Runner*>> order;
  for (Runner* runner : in) order.emplace_back(median_of(runner->samples), runner);
  std::ranges::sort(order);
  const std::size_t keep =
      std::max<std::size_t>((in.size() + 1) / 2, static_cast<std::size_t>(finalists));
  for (std::size_t place = 0; place < order.size(); ++place) {
    const bool is_behind = place >= keep || order[place].first > hopeless_ratio * order[0].first;
    if (is_behind && order[place].second != in.front()) order[place].second->is_in = false;
  }
}

std::vector<PathMeasurement> PathRace::run(std::span<const PathCandidate> candidates,
                                           double tolerance, const RaceBudget& budget,
                                           std::uint64_t seed) const {
  const HostLock lock("cpu", {});
  std::vector<Runner> runners = line_up(candidates, tolerance, budget.reference_flops_max);
  const std::int64_t start_ns = monotonic_ns();
  const auto left_s = [&] {
    return budget.seconds - 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
  };
  std::vector<Runner*> in;
  double noise_floor = 0;
  for (int blocks = budget.blocks_first;; blocks *= 2) {
    in.clear();
    for (Runner& runner : runners) {
      if (runner.is_in) in.push_back(&runner);
    }
    if (in.empty()) break;
    const bool is_last = std::ssize(in) <= budget.finalists || left_s() <= 0 ||
                         blocks >= budget.blocks_last;
    const std::vector<double> again =
        round(in, is_last ? last_blocks(in, budget, left_s()) : blocks, seed + blocks);
    if (is_last) {
      noise_floor = std::abs(ratio_of(again, in.front()->samples).median - 1);
      break;
    }
    halve(in, budget.finalists);
  }

  const Time finished = now();
  std::vector<PathMeasurement> rows;
  for (Runner& runner : runners) {
    PathMeasurement& row = runner.row;
    if (row.outcome == Outcome::ok) {
      row.summary = summary_of(runner.samples);
      row.samples_s = std::move(runner.samples);
      row.blocks.resize(row.samples_s.size());
      std::iota(row.blocks.begin(), row.blocks.end(), 0);
    }
    row.noise_floor = noise_floor;
    row.finished = finished;
    rows.push_back(std::move(row));
  }
  return rows;
}

// As many as the time that is left allows, within bounds.
int PathRace::last_blocks(std::span<Runner* const> in, const RaceBudget& budget, double left_s) {
  double block_s = 0;
  for (const Runner* runner : in) {
    if (!runner->samples.empty()) block_s += median_of(runner->samples);
  }
  if (block_s == 0) return budget.blocks_last;
  const double affordable = std::min(left_s / block_s, 8.0 * budget.blocks_last);
  return std::max(budget.blocks_last, static_cast<int>(affordable));
}

bool is_faster(const PathMeasurement& a, const PathMeasurement& b) {
  const bool is_one_round = a.finished == b.finished && a.samples_s.size() == b.samples_s.size();
  if (!is_one_round) return compare(a.summary, b.summary, a.noise_floor) == Verdict::faster;
  const Ratio ratio = ratio_of(a.samples_s, b.samples_s);
  return ratio.high < 1 && 1 - ratio.median > a.noise_floor;
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
