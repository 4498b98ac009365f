#include "worker/dispatch/path_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <utility>

#include "common/base/error.h"
#include "worker/compile/compile.h"
#include "worker/dispatch/report_parts.h"

namespace paceline {

namespace {

// Costs are of dense operands; a plan may hand a kernel views.
Workload dense_workload(const Plan& plan, const Plan::Instruction& instruction,
                        const Bindings& bindings) {
  Workload workload = workload_of(plan, instruction, bindings);
  for (OperandType& operand : workload.inputs) operand.strides.clear();
  for (OperandType& operand : workload.outputs) operand.strides.clear();
  return workload;
}

report::Times times_of(const std::optional<Estimate>& estimate, const GraphDispatcher& dispatcher) {
  report::Times times;
  if (!estimate) return times;
  times.predicted_s = estimate->seconds;
  times.low_s = estimate->low_s;
  times.high_s = estimate->high_s;
  times.origin =
      std::string(dispatcher.words(estimate->origin)) + (estimate->stale ? ", stale" : "");
  for (const MeasurementId& record : estimate->records) {
    times.records.push_back(record.to_string());
  }
  return times;
}

// A kernel by itself: its time was measured or is a guess.
report::Times alone(const std::optional<Estimate>& estimate, const GraphDispatcher& dispatcher) {
  report::Times times = times_of(estimate, dispatcher);
  if (estimate && is_measured(*estimate)) std::swap(times.measured_s, times.predicted_s);
  return times;
}

std::optional<double> error_of(const std::optional<Estimate>& estimate) {
  if (!estimate || !is_measured(*estimate)) return std::nullopt;
  return estimate->error_relative;
}

std::vector<report::Rival> rivals_of(const NodeDecision& node, const GraphDispatcher& dispatcher) {
  std::vector<report::Rival> rivals;
  rivals.push_back({.name = node.kernel,
                    .times = alone(node.estimate, dispatcher),
                    .error_relative = error_of(node.estimate),
                    .verdict = "",
                    .is_chosen = true});
  for (const Rival& rival : node.rivals) {
    rivals.push_back({.name = rival.kernel,
                      .times = alone(rival.estimate, dispatcher),
                      .error_relative = error_of(rival.estimate),
                      .verdict = rival.excluded.empty()
                                     ? std::string(to_string(reversed(rival.verdict)))
                                     : "out: " + rival.excluded,
                      .is_chosen = false});
  }
  return rivals;
}

class Reporter {
 public:
  Reporter(const Explained& explained, const OpSet& ops, std::span<const Kernel> kernels,
           GraphDispatcher& dispatcher)
      : explained_(explained),
        dispatched_(explained.dispatched),
        plan_(explained.plan),
        dispatcher_(dispatcher),
        labels_(labels_of(plan_.graph, ops)),
        estimates_(estimates_of(plan_, explained.bindings, kernels, dispatcher)) {
    for (const NodeDecision& node : dispatched_.decision.nodes) decisions_[node.node] = &node;
  }

  report::PathReport run() {
    report_.facts = facts();
    for (std::size_t i = 0; i < plan_.instructions.size(); ++i) add_instruction(i);
    report_.total = total();
    report_.memory = memory_of(plan_, explained_.bindings);
    if (dispatched_.search) report_.search = search_of(*dispatched_.search);
    report_.finalists = finalists_of(dispatched_);
    return std::move(report_);
  }

 private:
  std::vector<std::pair<std::string, std::string>> facts() const {
    const Machine& machine = dispatcher_.machine();
    const GraphDispatcher::Options& options = dispatcher_.options();
    std::vector<std::string> bindings;
    for (const auto& [symbol, value] : explained_.bindings) {
      bindings.push_back(fmt::format("{}={}", symbol, value));
    }
    return {
        {"bindings", fmt::format("{}", fmt::join(bindings, " "))},
        {"tolerance", fmt::format("{}", options.choose.tolerance)},
        {"threads", fmt::format("{}", options.threads)},
        {"chosen", basis()},
        {"machine", fmt::format("{}, {} cores ({})", machine.cpu_model, machine.cores,
                                machine.id().to_string())},
        {"environment", dispatcher_.environment().id().to_string()},
        {"graph", explained_.graph.id().to_string()},
        {"path", dispatched_.decision.path.id().to_string()},
        {"plan", plan_.id().to_string()},
        {"when weights are bound", fmt::format("{} instructions, once", plan_.prologue.size())}};
  }

  std::string basis() const {
    switch (dispatched_.basis) {
      case Basis::standing:
        return "the graph as it stands, kernels one by one";
      case Basis::searched:
        return "an equivalent graph, by the sum of its kernels' times";
      case Basis::raced:
        return "timed whole on this machine, against the graph as it stands";
      case Basis::ranged:
        return fmt::format("timed whole on this machine, at values of {} around this one",
                           dispatched_.ranges->symbol);
    }
    return "";
  }

  void add_instruction(std::size_t index) {
    const Plan::Instruction& made = plan_.instructions[index];
    report::Instruction instruction{.op = made.op,
                                    .label = labels_[made.node],
                                    .kernel = made.kernel,
                                    .device = made.device.to_string(),
                                    .inputs = types(made.inputs),
                                    .outputs = types(made.outputs),
                                    .times = times_of(estimates_[index], dispatcher_),
                                    .rules = {},
                                    .rivals = {}};
    if (explained_.profile) {
      instruction.times.measured_s = explained_.profile->instructions_s.at(index);
    }
    const bool is_copy = made.op != plan_.graph.node(made.node).op;
    if (is_copy) {
      instruction.rules = {"copied for " + plan_.graph.node(made.node).op};
    } else {
      if (!dispatched_.rules.empty()) instruction.rules = dispatched_.rules[made.node];
      if (made.bundle >= 0) {
        instruction.rules.push_back(fmt::format("by one thread, bundle {}", made.bundle));
      }
      const auto decision = decisions_.find(made.node);
      if (decision != decisions_.end())
        instruction.rivals = rivals_of(*decision->second, dispatcher_);
    }
    report_.instructions.push_back(std::move(instruction));
  }

  std::vector<std::string> types(const std::vector<std::int32_t>& tensors) const {
    std::vector<std::string> types;
    for (const std::int32_t tensor : tensors) {
      const TensorType& type = plan_.tensors[tensor].type;
      types.push_back(std::string(to_string(type.dtype)) +
                      to_string(evaluate(type.shape, explained_.bindings)));
    }
    return types;
  }

  // What was just run speaks before what was once raced.
  report::Times total() const {
    report::Times times;
    double sum = 0;
    for (const auto& estimate : estimates_) sum += estimate ? estimate->seconds : 0;
    times.predicted_s = sum;
    if (explained_.profile) {
      times.measured_s = explained_.profile->whole.median_s;
    } else if (dispatched_.raced) {
      times.measured_s = dispatched_.raced->summary.median_s;
    }
    return times;
  }

  const Explained& explained_;
  const Dispatched& dispatched_;
  const Plan& plan_;
  GraphDispatcher& dispatcher_;
  std::vector<std::string> labels_;
  std::vector<std::optional<Estimate>> estimates_;
  std::map<std::int32_t, const NodeDecision*> decisions_;
  report::PathReport report_;
};

}  // namespace

std::vector<std::optional<Estimate>> estimates_of(const Plan& plan, const Bindings& bindings,
                                                  std::span<const Kernel> kernels,
                                                  GraphDispatcher& dispatcher) {
  std::vector<Workload> workloads;
  for (const Plan::Instruction& instruction : plan.instructions) {
    workloads.push_back(dense_workload(plan, instruction, bindings));
  }
  const auto costs = dispatcher.costs_for(workloads);
  std::vector<std::optional<Estimate>> estimates;
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    estimates.push_back(
        costs->estimate(kernel_of(plan.instructions[i], kernels).info, workloads[i]));
  }
  return estimates;
}

Verdict reversed(Verdict verdict) {
  if (verdict == Verdict::faster) return Verdict::slower;
  if (verdict == Verdict::slower) return Verdict::faster;
  return verdict;
}

report::PathReport path_report(const Explained& explained, const OpSet& ops,
                               std::span<const Kernel> kernels, GraphDispatcher& dispatcher) {
  check(!explained.profile ||
            explained.profile->instructions_s.size() == explained.plan.instructions.size(),
        "a profile of this plan");
  return Reporter(explained, ops, kernels, dispatcher).run();
}

}  // namespace paceline
