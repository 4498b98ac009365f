#include "worker/measure/path_race.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <set>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "worker/compile/compile.h"
#include "worker/measure/gpu_watch.h"
#include "worker/measure/host_lock.h"
#include "worker/measure/interleave.h"
#include "worker/measure/race_runner.h"
#include "worker/measure/raised_graph.h"
#include "worker/probe/probe.h"

namespace paceline {
namespace {

// A candidate this far behind the best of a round does not come back.
constexpr double hopeless_ratio = 1.5;
// Nor does one that is so far behind by its first run, which may have met cold caches.
constexpr double hopeless_first_ratio = 2.5;

// The CPU, and each GPU that a candidate uses.
std::set<Device> devices_of(std::span<const PathCandidate> candidates) {
  std::set<Device> devices = {Device{}};
  for (const PathCandidate& candidate : candidates) {
    for (const Choice& choice : candidate.path.choices) devices.insert(choice.device);
  }
  return devices;
}

std::vector<std::unique_ptr<HostLock>> locks_for(const std::set<Device>& devices) {
  std::vector<std::unique_ptr<HostLock>> locks;
  for (const Device& device : devices) {
    locks.push_back(std::make_unique<HostLock>(lock_name(device), std::filesystem::path()));
  }
  return locks;
}

// Whole runs have no samples to set aside, and their noise tells little of a neighbour that is
// always there: whoever reads the rows should know of it.
void tell_of_foreign_work(const std::set<Device>& devices) {
  for (const Device& device : devices) {
    if (device.kind != DeviceKind::cuda) continue;
    if (const auto work = foreign_work_on(device.index)) {
      log::warning("path-race-disturbed", {{"device", device.to_string()}, {"why", *work}});
    }
  }
}

std::int64_t activation_bytes(const Plan& plan, const Bindings& bindings) {
  std::int64_t bytes = 0;
  for (const auto& [device, need] : memory_needs(plan, bindings)) bytes += need.arena_bytes;
  return bytes;
}

double median_of(const std::vector<double>& samples) { return summary_of(samples).median_s; }

struct FinalRound {
  int blocks = 1;
  int blocks_per_session = 1;
  int warm_ups = 1;  // Of each in a block.
  int calls = 1;     // Of each in a block, timed.
};

// Fewer blocks give no interval worth its name.
constexpr int blocks_least = 7;
// A run this long fills the caches itself, whoever ran before it.
constexpr double warm_run_s = 0.1;

struct FinalCosts {
  double open_s = 0, run_s = 0;  // Of all.
  double longest_run_s = 0;
};

// As many blocks as the budget says and time allows, each with sessions of its own; where making
// these takes too long, several blocks share them; where all of it takes too long, there are fewer
// blocks, but `least`.
FinalRound shape_of(const FinalCosts& costs, double left_s, const RaceBudget& budget, int least) {
  const double left = std::max(left_s, 1e-3);
  const double wanted = budget.blocks_last;
  constexpr double calls_max = 3;
  FinalRound shape;
  shape.warm_ups = costs.longest_run_s < warm_run_s ? 1 : 0;
  shape.calls = static_cast<int>(std::clamp(left / (2 * wanted * costs.run_s), 1.0, calls_max));
  shape.blocks_per_session = static_cast<int>(
      std::clamp(std::ceil(2 * wanted * costs.open_s / left), 1.0, std::max(wanted / 3, 1.0)));
  const double block_s =
      costs.open_s / shape.blocks_per_session + (shape.calls + shape.warm_ups) * costs.run_s;
  shape.blocks =
      static_cast<int>(std::clamp<double>(left / block_s, std::min(least, budget.blocks_last),
                                          std::max(budget.blocks_last, budget.blocks_most)));
  // So that the fewer do not share one session.
  const int shared_by_most = std::max(shape.blocks / 3, 1);
  shape.blocks_per_session = std::min(shape.blocks_per_session, shared_by_most);
  return shape;
}

std::vector<double> medians_of(const std::vector<double>& samples,
                               const std::vector<std::int32_t>& blocks) {
  std::vector<double> medians;
  for (const auto& [block, median] : block_medians(samples, blocks)) medians.push_back(median);
  return medians;
}

double noise_between(const std::vector<double>& a, const std::vector<double>& b) {
  return a.empty() || b.empty() ? 0 : std::abs(ratio_of(a, b).median - 1);
}

// What an A/A pair would say, of one alone: each block against the next.
double noise_within(const std::vector<double>& medians) {
  std::vector<double> even, odd;
  for (std::size_t i = 0; i < medians.size(); ++i) (i % 2 == 0 ? even : odd).push_back(medians[i]);
  return noise_between(even, odd);
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

PathRace::PathRace(const Graph& graph, const OpSet& ops, std::span<const Kernel> kernels,
                   const Bindings& bindings, RaceData data, int threads)
    : graph_(graph),
      ops_(ops),
      kernels_(kernels),
      bindings_(bindings),
      data_(std::move(data)),
      threads_(threads),
      has_halves_(has_halves(graph)) {
  for (const NamedOutput& output : graph.outputs()) {
    gives_floats_ = gives_floats_ || is_float(graph.type(output.value).dtype);
  }
}

void PathRace::open(Runner& runner) const {
  runner.states = std::make_shared<States>();
  runner.session =
      std::make_unique<Session>(*runner.plan, ops_, kernels_, data_.weights,
                                Session::Options{.threads = threads_, .states = runner.states});
  runner.session->bind(bindings_);
  for (const auto& [name, tensor] : data_.inputs) runner.session->set_input(name, tensor);
  runner.session->clear_states();
  runner.first_run_s = runner.timed_run();
}

void PathRace::start(Runner& runner, const PathCandidate& candidate) const {
  runner.row.id = PathMeasurementId::random();
  runner.row.path = candidate.path.id();
  runner.row.bindings = bindings_;
  runner.row.predicted_s = candidate.predicted_s;
  try {
    runner.plan = std::make_shared<const Plan>(
        compile(candidate.path, ops_, kernels_, bindings_, Resources{.threads = threads_}));
    runner.row.activation_bytes = activation_bytes(*runner.plan, bindings_);
    open(runner);
    runner.is_in = true;
  } catch (const Error& error) {
    refuse(runner, error);
  }
}

void PathRace::refuse(Runner& runner, const Error& error) {
  runner.is_in = false;
  runner.close();
  const bool exhausted = error.kind() == ErrorKind::exhausted;
  runner.row.outcome = exhausted ? Outcome::out_of_memory : Outcome::unsupported;
  runner.row.reason = error.what();
  log::warning(runner.place == Runner::pair_place ? "race-without-pair" : "path-refused",
               {{"path", runner.row.path.to_string()}, {"why", error.what()}});
}

void PathRace::screen(std::span<Runner> runners, const RaceBudget& budget) {
  if (std::ssize(runners) <= budget.finalists) return;
  double best_s = std::numeric_limits<double>::infinity();
  for (const Runner& runner : runners) {
    if (runner.is_in) best_s = std::min(best_s, runner.first_run_s);
  }
  for (Runner& runner : runners) {
    const double first_s = runner.first_run_s;
    if (!runner.is_in || runner.place < budget.stay || first_s < warm_run_s) continue;
    if (first_s < hopeless_first_ratio * best_s) continue;
    runner.samples = {first_s};
    runner.blocks = {0};
    runner.is_in = false;
    runner.close();
  }
}

void PathRace::round(std::span<Runner* const> in, int blocks, std::uint64_t seed) const {
  double longest_s = 0;
  std::vector<Contestant> contestants;
  for (Runner* runner : in) {
    contestants.push_back({"path", [runner] { runner->session->run(); }});
    longest_s = std::max(longest_s, runner->first_run_s);
  }
  auto timed = interleave(contestants, blocks, 1, seed, longest_s < warm_run_s ? 1 : 0);
  for (std::size_t k = 0; k < in.size(); ++k) {
    in[k]->samples = std::move(timed[k]);
    in[k]->blocks.resize(in[k]->samples.size());
    std::iota(in[k]->blocks.begin(), in[k]->blocks.end(), 0);
  }
}

// Of the first round: where runs are long, as many as a quarter of the time covers.
int PathRace::first_blocks(std::span<const Runner> runners, const RaceBudget& budget) {
  double all_s = 0, longest_s = 0;
  for (const Runner& runner : runners) {
    if (!runner.is_in) continue;
    all_s += runner.first_run_s;
    longest_s = std::max(longest_s, runner.first_run_s);
  }
  if (longest_s < warm_run_s) return budget.blocks_first;
  return static_cast<int>(
      std::clamp<double>(budget.seconds / 4 / all_s, 1, std::max(budget.blocks_first, 1)));
}

// Half of them go, and whoever is hopeless; those that are to stay do.
void PathRace::halve(std::span<Runner* const> in, const RaceBudget& budget) {
  std::vector<std::pair<double, Runner*>> order;
  for (Runner* runner : in) order.emplace_back(median_of(runner->samples), runner);
  std::ranges::sort(order);
  const std::size_t keep =
      std::max<std::size_t>((in.size() + 1) / 2, static_cast<std::size_t>(budget.finalists));
  for (std::size_t place = 0; place < order.size(); ++place) {
    Runner& runner = *order[place].second;
    const bool is_behind = place >= keep || order[place].first > hopeless_ratio * order[0].first;
    if (!is_behind || runner.place < budget.stay) continue;
    runner.is_in = false;
    runner.close();
  }
}

void PathRace::reopen(std::vector<Runner*>& all) const {
  for (Runner* runner : all) runner->close();
  const auto is_closed = [](const Runner* runner) { return runner->session == nullptr; };
  for (auto next = all.begin(); next != all.end(); next = std::ranges::find_if(all, is_closed)) {
    Runner& runner = **next;
    try {
      open(runner);
    } catch (const Error& error) {
      runner.close();
      const bool exhausted = error.kind() == ErrorKind::exhausted;
      Runner& out = exhausted ? **std::ranges::max_element(all, {}, &Runner::place) : runner;
      refuse(out, error);
      std::erase(all, &out);
    }
  }
}

double PathRace::final_round(std::span<Runner* const> in, const RaceBudget& budget, double left_s,
                             int least, std::uint64_t seed) const {
  Runner again;  // The A/A pair of the sitting.
  again.row.path = in.front()->row.path;
  again.place = Runner::pair_place;
  again.plan = in.front()->plan;
  std::vector<Runner*> all(in.begin(), in.end());
  all.push_back(&again);
  for (Runner* runner : all) {
    runner->samples.clear();
    runner->blocks.clear();
  }
  FinalCosts costs;
  const std::int64_t begin_ns = monotonic_ns();
  reopen(all);
  costs.open_s = 1e-9 * static_cast<double>(monotonic_ns() - begin_ns);
  for (Runner* runner : all) {
    const double run_s = runner->timed_run();
    costs.run_s += run_s;
    costs.longest_run_s = std::max(costs.longest_run_s, run_s);
  }
  const FinalRound shape = shape_of(costs, left_s, budget, least);
  if (shape.blocks < budget.blocks_last) {
    log::warning("path-race-cut-short", {{"path", in.front()->row.path},
                                         {"blocks", shape.blocks},
                                         {"blocks_wanted", budget.blocks_last},
                                         {"seconds", budget.seconds}});
  }
  Random random(seed);
  for (int block = 0; block < shape.blocks; ++block) {
    if (block > 0 && block % shape.blocks_per_session == 0) {
      shuffle(all, random);
      reopen(all);
    }
    std::vector<Runner*> order = all;
    shuffle(order, random);
    for (Runner* runner : order) {
      for (int call = 0; call < shape.warm_ups; ++call) runner->session->run();
      for (int call = 0; call < shape.calls; ++call) {
        runner->samples.push_back(runner->timed_run());
        runner->blocks.push_back(block);
      }
    }
  }
  const std::vector<double> first = medians_of(in.front()->samples, in.front()->blocks);
  const bool is_paired = std::ranges::find(all, &again) != all.end();
  return is_paired ? noise_between(medians_of(again.samples, again.blocks), first)
                   : noise_within(first);
}

std::vector<PathMeasurement> PathRace::run(std::span<const PathCandidate> candidates,
                                           double tolerance, const RaceBudget& budget,
                                           std::uint64_t seed) const {
  const std::set<Device> devices = devices_of(candidates);
  const std::vector<std::unique_ptr<HostLock>> locks = locks_for(devices);
  tell_of_foreign_work(devices);
  std::vector<Runner> runners = line_up(candidates, tolerance, budget.reference_flops_max);
  screen(runners, budget);
  const std::int64_t start_ns = monotonic_ns();
  const auto left_s = [&] {
    return budget.seconds - 1e-9 * static_cast<double>(monotonic_ns() - start_ns);
  };
  double noise_floor = 0;
  int least = blocks_least;  // More than whoever left early was timed, who so can be told.
  for (int blocks = first_blocks(runners, budget);; blocks *= 2) {
    std::vector<Runner*> in;
    for (Runner& runner : runners) {
      if (runner.is_in) in.push_back(&runner);
    }
    if (in.empty()) break;
    if (std::ssize(in) <= budget.finalists || left_s() <= 0 || blocks >= budget.blocks_last) {
      const double final_s = std::max(left_s(), budget.seconds / 2);  // What decides has its share.
      noise_floor =
          final_round(in, budget, final_s, least, seed + static_cast<std::uint64_t>(blocks));
      break;
    }
    round(in, blocks, seed + static_cast<std::uint64_t>(blocks));
    least = std::max(least, blocks + 1);
    halve(in, budget);
  }

  const Time finished = now();
  tell_of_foreign_work(devices);
  std::vector<PathMeasurement> rows;
  for (Runner& runner : runners) {
    PathMeasurement& row = runner.row;
    if (row.outcome == Outcome::ok) {
      row.summary = summarize(runner.samples, runner.blocks);
      row.samples_s = std::move(runner.samples);
      row.blocks = std::move(runner.blocks);
    }
    row.noise_floor = noise_floor;
    row.finished = finished;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<PathMeasurement> PathRace::confirm(std::span<const PathCandidate> candidates,
                                               std::span<const PathMeasurement> rows,
                                               const RaceBudget& budget, std::uint64_t seed) const {
  std::vector<PathCandidate> again;
  std::vector<const PathMeasurement*> before;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].outcome != Outcome::ok) continue;
    if (i >= budget.stay &&
        !(rows[i].samples_s.size() == rows[0].samples_s.size() && is_better(rows[i], rows[0]))) {
      continue;
    }
    again.push_back(candidates[i]);
    before.push_back(&rows[i]);
  }
  if (again.size() < 2 || rows[0].outcome != Outcome::ok) return {};
  RaceBudget all = budget;
  all.reference_flops_max = 0;
  all.finalists = static_cast<int>(again.size());
  std::vector<PathMeasurement> confirmed =
      run(again, std::numeric_limits<double>::infinity(), all, seed);
  for (std::size_t i = 0; i < confirmed.size(); ++i) {
    confirmed[i].error_relative = before[i]->error_relative;
    confirmed[i].error_elementwise = before[i]->error_elementwise;
    confirmed[i].method = before[i]->method;
  }
  return confirmed;
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
