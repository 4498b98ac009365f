// bench_gpu: serves timings of kernels on cuda:0 to a program that times something else in between
// (tests/bench/gpu_against_torch.py). A request is a line on standard input, its answer a line of
// JSON:
//
//   choose WORKLOAD   checks and times every kernel of cuda:0 that takes it; the quickest is chosen
//   cold WORKLOAD     checks and times them on operands that no cache holds; nothing is chosen
//   narrow WORKLOAD   checks and times those that compute in fewer bits, too; nothing is chosen
//   chain BODY        the same for the one node that a graph of that text becomes when it is fused
//   time              one more sample of the chosen kernel, in seconds a call
//
// Ends with its input.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/base/error.h"
#include "common/ops/all_ops.h"
#include "kernels/all_kernels.h"
#include "scheduler/fusion/fuse.h"
#include "worker/measure/rivals.h"
#include "worker/measure/sitting.h"
#include "worker/measure/stage.h"

namespace paceline {
namespace {

constexpr double sample_seconds = 1e-3;

// One workload with the kernel that was chosen for it, ready to be timed again.
class Chosen {
 public:
  Chosen(const Workload& workload, const Kernel& kernel)
      : workload_(workload),
        operands_(ops::all_ops().get(workload.op), workload_, /*seed=*/1),
        stage_(open_cuda_stage(/*device=*/0, workload_, operands_)),
        instance_(stage_->open(kernel)) {
    TimedRival rival;
    rival.sample = [this](int calls) { return instance_->sample(Regime::hot, calls, false); };
    calls_ = std::min(calls_for(rival, sample_seconds), 200);
  }

  double time() { return instance_->sample(Regime::hot, calls_, false).seconds / calls_; }

 private:
  const Workload workload_;
  Operands operands_;
  std::unique_ptr<Stage> stage_;
  std::unique_ptr<Instance> instance_;
  int calls_ = 1;
};

// What a plan runs in place of all nodes of the graph.
Workload fused_workload(const std::string& body) {
  const OpSet& ops = ops::all_ops();
  const Graph graph = parse_graph("graph \"chain\" {\n" + body + "\n}", ops);
  const std::vector<fusion::Group> groups = fusion::find_groups(graph, ops);
  if (groups.size() != 1) throw invalid("{} groups, not one: {}", groups.size(), body);
  return fusion::offer_of(graph, groups[0], ops, {}).fused;
}

class Server {
 public:
  nlohmann::json answer(const std::string& line) {
    if (line == "time") {
      if (!chosen_) throw invalid("`choose WORKLOAD` comes before `time`");
      return {{"seconds", chosen_->time()}};
    }
    constexpr std::string_view choose = "choose ", chain = "chain ", cold = "cold ",
                               narrow = "narrow ";
    if (line.starts_with(chain)) return choose_for(fused_workload(line.substr(chain.size())));
    const auto workload = [&](std::string_view request) {
      return parse_workload(line.substr(request.size()), ops::all_ops());
    };
    if (line.starts_with(cold)) return times_of(workload(cold), Regime::cold);
    if (line.starts_with(narrow)) return times_of(workload(narrow), Regime::hot, true);
    if (!line.starts_with(choose)) throw invalid("no such request: {}", line);
    return choose_for(workload(choose));
  }

 private:
  // The quickest of all kernels as "kernel", and the median or the failure of each.
  static nlohmann::json times_of(const Workload& workload, Regime regime, bool narrows = false) {
    const std::vector<Kernel>& kernels = all_kernels_there();
    SittingRequest request{.workload = workload,
                           .regimes = {regime},
                           .budget = {.time = std::chrono::milliseconds(200), .blocks_max = 8}};
    for (const Kernel& kernel : kernels) {
      // As PyTorch does, f32 is multiplied in f32.
      if (!narrows && kernel.info.precision == Precision::narrows) continue;
      if (!refusal(kernel.info, workload)) request.kernels.push_back(kernel.info.name);
    }
    nlohmann::json all = nlohmann::json::object();
    const SittingResult* best = nullptr;
    const auto results = sit(request, ops::all_ops(), kernels, /*threads=*/1, [](std::int32_t) {});
    for (const SittingResult& result : results) {
      const Measurement& found = result.measurement;
      if (found.outcome != Outcome::ok) {
        all[result.kernel] = fmt::format("{}: {}", to_string(found.outcome), found.reason);
        continue;
      }
      all[result.kernel] = found.summary.median_s;
      if (best == nullptr || found.summary.median_s < best->measurement.summary.median_s) {
        best = &result;
      }
    }
    if (best == nullptr) return {{"error", "no kernel"}, {"all", all}};
    return {{"kernel", best->kernel},
            {"error_relative", best->measurement.error_relative},
            {"throttle", best->measurement.conditions.throttle},
            {"all", all}};
  }

  static const std::vector<Kernel>& all_kernels_there() {
    return kernels::kernels_on({.cpu = false, .cuda = 0});
  }

  nlohmann::json choose_for(const Workload& workload) {
    chosen_.reset();
    nlohmann::json times = times_of(workload, Regime::hot);
    if (times.contains("kernel")) {
      chosen_.emplace(workload,
                      *std::ranges::find(all_kernels_there(), times["kernel"].get<std::string>(),
                                         [](const Kernel& each) { return each.info.name; }));
    }
    return times;
  }

  std::optional<Chosen> chosen_;
};

int serve() {
  Server server;
  std::string line;
  while (std::getline(std::cin, line)) {
    nlohmann::json answer;
    try {
      answer = server.answer(line);
    } catch (const Error& error) {
      answer = {{"error", error.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace paceline

int main() {
  try {
    return paceline::serve();
  } catch (const std::exception& error) {
    std::cerr << "bench_gpu: " << error.what() << "\n";
    return 1;
  }
}
