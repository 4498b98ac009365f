#include "scheduler/egraph/runner.h"

#include <algorithm>
#include <limits>
#include <unordered_set>
#include <utility>

#include "common/base/error.h"
#include "scheduler/egraph/build.h"
#include "scheduler/egraph/matcher.h"
#include "scheduler/egraph/program.h"
#include "scheduler/egraph/recency.h"

namespace paceline::egraph {

namespace {

void check_budget(const Budget& budget) {
  if (budget.nodes <= 0) throw invalid("the budget of nodes must be above 0: {}", budget.nodes);
  if (budget.iterations <= 0) {
    throw invalid("the budget of iterations must be above 0: {}", budget.iterations);
  }
  if (!(budget.seconds > 0)) {
    throw invalid("the budget of seconds must be above 0: {}", budget.seconds);
  }
  if (budget.matches <= 0 || budget.ban_iterations <= 0) {
    throw invalid("matches and iterations of the back-off must be above 0: {} and {}",
                  budget.matches, budget.ban_iterations);
  }
}

// How far below its node a rule in code is taken to look.
constexpr int code_depth = 4;

// A rule, what of it was done, and its standing with the back-off scheduler.
struct Runnable {
  const CompiledRule* compiled = nullptr;  // Or
  const DynamicRule* dynamic = nullptr;
  const Op* root = nullptr;
  int depth = 0;
  std::unordered_set<std::uint64_t> done = {};  // Fingerprints: each match is applied once.
  std::vector<Match> found = {};
  std::int32_t searched_at = -1;  // All matches up to this moment of the e-graph are known.
  int bans = 0;
  int banned_until = 0;

  std::string_view name() const { return compiled ? compiled->name : dynamic->name; }
  Precision precision() const { return compiled ? compiled->precision : dynamic->precision; }
};

class Runner {
 public:
  Runner(EGraph& graph, const Rules& rules, const Budget& budget, Precision precision_max)
      : graph_(graph), budget_(budget), start_s_(budget.clock ? budget.clock() : 0) {
    for (const CompiledRule& rule : rules.compiled) {
      const Program& program = *rule.program;
      take({.compiled = &rule, .root = &program.root(), .depth = program.depth}, precision_max);
    }
    for (const DynamicRule& rule : rules.dynamic) {
      take({.dynamic = &rule, .root = &graph.ops().get(rule.op), .depth = code_depth},
           precision_max);
    }
  }

  Report run() {
    graph_.rebuild();
    report_.stopped_by = saturate();
    graph_.rebuild();
    report_.nodes = graph_.node_count();
    report_.classes = graph_.class_count();
    return std::move(report_);
  }

 private:
  void take(Runnable rule, Precision precision_max) {
    if (rule.precision() > precision_max) {
      ++report_.precision_left_out;
      return;
    }
    depth_max_ = std::max(depth_max_, rule.depth);
    report_.rules.push_back({.name = std::string(rule.name())});
    rules_.push_back(std::move(rule));
  }

  // Rules look where something is new. Conditions may see further than patterns do, so that before
  // the end all rules look everywhere.
  StoppedBy saturate() {
    bool looks_everywhere = true;
    for (; report_.iterations < budget_.iterations; ++report_.iterations) {
      did_something_ = false;
      const Recency recency(graph_, depth_max_);
      for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (is_spent()) return stop();
        if (looks_everywhere) rules_[i].searched_at = -1;
        search(i, recency);
      }
      graph_.next_moment();
      for (std::size_t i = 0; i < rules_.size(); ++i) {
        if (!apply(i)) return stop();
      }
      graph_.rebuild();
      const bool was_everywhere = std::exchange(looks_everywhere, false);
      if (did_something_ || unban()) continue;
      if (was_everywhere) {
        ++report_.iterations;
        return StoppedBy::saturated;
      }
      looks_everywhere = true;
    }
    return StoppedBy::iterations;
  }

  bool is_spent() {
    if (graph_.node_count() >= budget_.nodes) {
      spent_ = StoppedBy::nodes;
    } else if (budget_.clock && budget_.clock() - start_s_ >= budget_.seconds) {
      spent_ = StoppedBy::seconds;
    } else {
      return false;
    }
    return true;
  }

  StoppedBy stop() {
    for (const Runnable& rule : rules_) {
      report_.matches_cut += static_cast<std::int64_t>(rule.found.size());
    }
    ++report_.iterations;
    return spent_;
  }

  // The matches that were not applied before, unless there are too many of them.
  void search(std::size_t index, const Recency& recency) {
    Runnable& rule = rules_[index];
    rule.found.clear();
    if (report_.iterations < rule.banned_until) {
      ++report_.rules[index].banned_iterations;
      return;
    }
    const std::int64_t limit = budget_.matches << std::min(rule.bans, 30);
    const auto take = [&](const Match& match) {
      if (!rule.done.contains(match.fingerprint())) rule.found.push_back(match);
      return static_cast<std::int64_t>(rule.found.size()) <= limit;
    };
    std::optional<Matcher> matcher;
    if (rule.compiled != nullptr) matcher.emplace(graph_, *rule.compiled->program, take);
    for (const NodeId node : graph_.nodes_with(*rule.root)) {
      if (!is_open(node) || recency.changed_at(node, rule.depth) <= rule.searched_at) continue;
      matcher ? matcher->match(node) : static_cast<void>(take({.nodes = {node}}));
      if (static_cast<std::int64_t>(rule.found.size()) > limit) return ban(index);
    }
    rule.searched_at = graph_.moment();
    report_.rules[index].matches += static_cast<std::int64_t>(rule.found.size());
  }

  // Versions of states get no other form; a value that is the same everywhere has its best.
  bool is_open(NodeId node) const {
    const Facts& facts = graph_.facts(class_of(node));
    return !facts.is_version && !facts.splat && graph_.operator_of(node).instance == 0;
  }

  void ban(std::size_t index) {
    Runnable& rule = rules_[index];
    rule.found.clear();
    const int length = budget_.ban_iterations << std::min(rule.bans, 20);
    rule.banned_until = report_.iterations + 1 + length;
    ++rule.bans;
    ++report_.rules[index].banned_iterations;
  }

  // When nothing else is left to do, the rules that come back first come back now.
  bool unban() {
    int first = std::numeric_limits<int>::max();
    const int next = report_.iterations + 1;
    for (const Runnable& rule : rules_) {
      if (rule.banned_until > next - 1) first = std::min(first, rule.banned_until);
    }
    if (first == std::numeric_limits<int>::max()) return false;
    for (Runnable& rule : rules_) {
      if (rule.banned_until > next - 1) rule.banned_until -= std::max(0, first - next);
    }
    return true;
  }

  // False when the budget ended.
  bool apply(std::size_t index) {
    Runnable& rule = rules_[index];
    std::size_t done = 0;
    for (const Match& match : rule.found) {
      if (is_spent()) {
        rule.found.erase(rule.found.begin(),
                         rule.found.begin() + static_cast<std::ptrdiff_t>(done));
        return false;
      }
      apply(rule, match, report_.rules[index]);
      ++done;
    }
    rule.found.clear();
    return true;
  }

  void apply(Runnable& rule, const Match& match, RuleReport& report) {
    const std::int64_t before = graph_.created_count();
    try {
      Reason reason{rule.name(), rule.precision()};
      const auto built = rule.compiled ? build_compiled(rule, match, reason)
                                       : rule.dynamic->rewrite(graph_, match.nodes[0]);
      if (!built) return;
      rule.done.insert(match.fingerprint());
      if (graph_.merge(class_of(match.nodes[0]), *built, std::move(reason))) {
        ++report.applied;
        did_something_ = true;
      }
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::invalid) throw;
      // Types are facts that stay: this match never builds.
      rule.done.insert(match.fingerprint());
      if (report.refused++ == 0) report.refusal = error.what();
    }
    did_something_ = did_something_ || graph_.created_count() > before;
  }

  std::optional<ClassId> build_compiled(const Runnable& rule, const Match& match, Reason& reason) {
    const Program& program = *rule.compiled->program;
    if (!graph_.explains()) return build(graph_, program.right, match, reason.premises);
    Grounds grounds = grounds_of(graph_, program, match);
    reason.premises = std::move(grounds.premises);
    Match terms = match;
    terms.registers = std::move(grounds.terms);
    terms.lists = std::move(grounds.lists);
    return build(graph_, program.right, terms, reason.premises);
  }

  EGraph& graph_;
  const Budget& budget_;
  double start_s_;
  std::vector<Runnable> rules_;
  Report report_;
  int depth_max_ = 1;
  bool did_something_ = false;
  StoppedBy spent_ = StoppedBy::nodes;
};

}  // namespace

Report run(EGraph& graph, const Rules& rules, const Budget& budget, Precision precision_max) {
  check_budget(budget);
  return Runner(graph, rules, budget, precision_max).run();
}

}  // namespace paceline::egraph
