// How far predictions lie from the truth: measures every kernel on many shapes, holds a random
// third of the shapes out, and predicts those from the rest: by interpolation, by the roofline
// calibrated with the kernel's rows, and by the roofline with its author's expectation. A store
// that has the rows already is not measured again.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "common/ops/all_ops.h"
#include "common/store/store.h"
#include "kernels/all_kernels.h"
#include "scheduler/cost/stored_costs.h"
#include "worker/measure/measurer.h"
#include "worker/probe/probe.h"
#include "worker/probe/roofline.h"

namespace paceline {
namespace {

struct Arguments {
  std::string store = "prediction.db";
  int threads = 1;
  double sitting_s = 0.5;
  std::uint64_t seed = 1;
  int draws = 20;
};

std::vector<Workload> workloads() {
  std::vector<std::string> texts;
  const auto add = [&]<typename... T>(fmt::format_string<T...> format, T&&... values) {
    texts.push_back(fmt::format(format, std::forward<T>(values)...));
  };
  for (const int m : {1, 8, 32, 64, 128, 256}) {
    for (const auto& [n, k] : {std::pair(64, 64),
                               {64, 256},
                               {256, 64},
                               {256, 256},
                               {256, 1024},
                               {1024, 256},
                               {512, 512},
                               {1024, 1024},
                               {100, 300},
                               {333, 127},
                               {768, 768},
                               {640, 96}}) {
      add("linear(f32[{0},{2}], f32[{1},{2}]) -> f32[{0},{1}]", m, n, k);
    }
    for (const auto& [n, k] : {std::pair(64, 64), {256, 256}, {128, 512}, {512, 96}, {777, 200}}) {
      add("matmul(f32[{0},{2}], f32[{2},{1}]) -> f32[{0},{1}]", m, n, k);
    }
  }
  for (const int rows : {1, 16, 64, 256, 1024}) {
    for (const int width : {64, 300, 512, 1024, 2048}) {
      if (rows * width > 1'000'000) continue;
      add("softmax(f32[{0},{1}]) -> f32[{0},{1}]", rows, width);
      add("rms_norm(f32[{0},{1}], f32[{1}]) -> f32[{0},{1}]", rows, width);
      add("add(f32[{0},{1}], f32[{0},{1}]) -> f32[{0},{1}]", rows, width);
      add("gelu(f32[{0},{1}]) -> f32[{0},{1}]", rows, width);
    }
  }
  for (const int heads : {2, 4, 8}) {
    for (const int length : {16, 48, 64, 128, 256}) {
      for (const int width : {32, 64}) {
        add("attention(f32[1,{0},{1},{2}], f32[1,{0},{1},{2}], f32[1,{0},{1},{2}], scale={3}, "
            "causal=true) -> f32[1,{0},{1},{2}]",
            heads, length, width, 1 / std::sqrt(static_cast<double>(width)));
      }
    }
  }
  std::vector<Workload> all;
  for (const std::string& text : texts) all.push_back(parse_workload(text, ops::all_ops()));
  return all;
}

std::vector<WorkloadId> ids_of(std::span<const Workload> workloads) {
  std::vector<WorkloadId> ids;
  for (const Workload& workload : workloads) ids.push_back(workload.id());
  return ids;
}

// Errors and coverage of some predictions.
class Score {
 public:
  void add(const Estimate& estimate, double truth_s) {
    errors_.push_back(std::abs(estimate.seconds / truth_s - 1));
    covered_ += estimate.low_s <= truth_s && truth_s <= estimate.high_s;
    widths_.push_back(estimate.high_s / estimate.low_s);
  }
  std::string to_string() const {
    if (errors_.empty()) return fmt::format("{:>5} {:>7} {:>7} {:>6} {:>6}", 0, "", "", "", "");
    return fmt::format("{:>5} {:>6.1f}% {:>6.1f}% {:>5.0f}% {:>6.2f}", errors_.size(),
                       100 * quantile(errors_, 0.5), 100 * quantile(errors_, 0.9),
                       100.0 * covered_ / static_cast<double>(errors_.size()),
                       quantile(widths_, 0.5));
  }

 private:
  static double quantile(std::vector<double> values, double q) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
  }

  std::vector<double> errors_;
  std::vector<double> widths_;  // High over low.
  int covered_ = 0;
};

struct Scores {
  Score interpolated;
  Score calibrated;  // On the same workloads.
  Score expected;
  int refused = 0;  // Too far from what was measured to interpolate.
};

class Prediction {
 public:
  explicit Prediction(const Arguments& arguments)
      : arguments_(arguments),
        store_(open_store(arguments.store)),
        machine_(probe_machine()),
        environment_(probe_environment(arguments.threads)),
        workloads_(workloads()) {
    for (const Kernel& kernel : kernels::all_kernels()) infos_.push_back(kernel.info);
  }

  void run() {
    measure();
    rows_ = store_->timings({.workloads = ids_of(workloads_),
                             .ops = {},
                             .regime = Regime::hot,
                             .machine_model_key = machine_.model_key()});
    Random random(arguments_.seed);
    for (int draw = 0; draw < arguments_.draws; ++draw) predict(held_out(random));
    print();
    time_answers(held_out(random));
  }

 private:
  void measure() {
    std::set<WorkloadId> known;
    for (const Timing& timing : store_->timings({.workloads = ids_of(workloads_),
                                .ops = {},
                                .regime = Regime::hot,
                                .machine_model_key = machine_.model_key()})) {
      if (timing.environment == environment_.id()) known.insert(timing.workload);
    }
    auto roofline = store_->roofline(machine_.id(), arguments_.threads);
    store_->put(machine_);
    store_->put(environment_);
    store_->put(infos_);
    if (!roofline) {
      roofline = calibrate(arguments_.threads);
      roofline->machine = machine_.id();
      store_->put(*roofline);
    }
    roofline_ = *roofline;
    Measurer measurer({.threads = arguments_.threads, .roofline = roofline_});
    const auto start = std::chrono::steady_clock::now();
    int measured = 0;
    for (const Workload& workload : workloads_) {
      if (known.contains(workload.id())) continue;
      const auto rows =
          measurer.measure({.workload = workload,
                            .regimes = {Regime::hot},
                            .budget = {.time = std::chrono::duration_cast<Duration>(
                                           std::chrono::duration<double>(arguments_.sitting_s))}});
      store_->put(std::span(&workload, 1));
      store_->put(rows);
      if (++measured % 20 == 0) fmt::print(stderr, "measured {}\n", measured);
    }
    if (measured == 0) return;
    fmt::print("measured {} of {} workloads in {:.0f} s\n", measured, workloads_.size(),
               std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

  std::vector<Timing> rows_without(const std::set<WorkloadId>& hidden) const {
    std::vector<Timing> seen;
    std::ranges::copy_if(rows_, std::back_inserter(seen),
                         [&](const Timing& timing) { return !hidden.contains(timing.workload); });
    return seen;
  }

  StoredCosts source(std::vector<Timing> rows, StoredCosts::Options options = {}) const {
    return StoredCosts(ops::all_ops(), machine_, environment_, std::move(rows),
                       {{DeviceKind::cpu, roofline_}}, workloads_, options);
  }

  // What a search waits for.
  void time_answers(const std::set<WorkloadId>& hidden) const {
    StoredCosts costs = source(rows_without(hidden));
    const auto ask_all = [&] {
      int asked = 0;
      const auto start = std::chrono::steady_clock::now();
      for (const Workload& workload : workloads_) {
        for (const KernelInfo& kernel : infos_) {
          if (kernel.op != workload.op) continue;
          costs.estimate(kernel, workload);
          ++asked;
        }
      }
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
             asked;
    };
    const double first = ask_all();
    fmt::print("an answer takes {:.1f} us at first, {:.2f} us again\n", 1e6 * first,
               1e6 * ask_all());
  }

  std::set<WorkloadId> held_out(Random& random) const {
    std::vector<WorkloadId> ids = ids_of(workloads_);
    shuffle(ids, random);
    return {ids.begin(), ids.begin() + std::ssize(ids) / 3};
  }

  void predict(const std::set<WorkloadId>& hidden) {
    const std::vector<Timing> seen = rows_without(hidden);
    std::map<std::pair<WorkloadId, std::string>, double> truth;
    for (const Timing& timing : rows_) {
      if (!hidden.contains(timing.workload) || timing.outcome != Outcome::ok) continue;
      truth.try_emplace({timing.workload, timing.kernel_name}, timing.summary.median_s);
    }
    StoredCosts best = source(seen);
    StoredCosts calibrated = source(seen, {.interpolates = false});
    StoredCosts expected = source({});
    for (const Workload& workload : workloads_) {
      if (!hidden.contains(workload.id())) continue;
      for (const KernelInfo& kernel : infos_) {
        const auto at = truth.find({workload.id(), kernel.name});
        if (at == truth.end()) continue;
        for (const auto& key :
             {workload.op, workload.op + " " + kernel.name, std::string("total")}) {
          Scores& scores = scores_[key];
          const auto estimate = best.estimate(kernel, workload);
          const bool is_between = estimate && estimate->origin == Origin::interpolated;
          scores.refused += !is_between;
          if (is_between) scores.interpolated.add(*estimate, at->second);
          scores.calibrated.add(calibrated.estimate(kernel, workload).value(), at->second);
          scores.expected.add(expected.estimate(kernel, workload).value(), at->second);
        }
      }
    }
  }

  void print() const {
    constexpr auto columns = "count  median     p90  holds  width";
    fmt::print("{:<34} | {:<35} | {:<35} | {:<35}\n", "", "interpolated", "calibrated roofline",
               "roofline");
    fmt::print("{:<34} | {:<35} | {:<35} | {:<35}\n", "op kernel", columns, columns, columns);
    for (const auto& [key, scores] : scores_) {
      fmt::print("{:<34} | {:<35} | {:<35} | {:<35}\n", key, scores.interpolated.to_string(),
                 scores.calibrated.to_string(), scores.expected.to_string());
    }
  }

  const Arguments& arguments_;
  std::unique_ptr<Store> store_;
  Machine machine_;
  Environment environment_;
  std::vector<Workload> workloads_;
  std::vector<KernelInfo> infos_;
  Roofline roofline_;
  std::vector<Timing> rows_;
  std::map<std::string, Scores> scores_;
};

}  // namespace
}  // namespace paceline

int main(int argc, char** argv) {
  paceline::Arguments arguments;
  CLI::App app{"Predicted times of kernels against measured ones, on shapes held out"};
  app.add_option("--store", arguments.store, "Store file; what it has is not measured again");
  app.add_option("--threads", arguments.threads, "Threads that kernels may use");
  app.add_option("--sitting-seconds", arguments.sitting_s, "Time for a workload's kernels");
  app.add_option("--seed", arguments.seed, "Of which shapes are held out");
  app.add_option("--draws", arguments.draws, "How often a third is held out");
  CLI11_PARSE(app, argc, argv);
  try {
    paceline::Prediction(arguments).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_prediction: {}\n", error.what());
    return 1;
  }
}
