#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "ops-tools/command.h"
#include "ops-tools/explanation.h"
#include "ops-tools/id_prefix.h"
#include "ops-tools/wrap.h"

namespace paceline {
namespace {

// Of the chosen kernel against the rival on whose line it stands.
std::string_view phrase(Verdict verdict) {
  switch (verdict) {
    case Verdict::faster:
      return "faster than it";
    case Verdict::slower:
      return "slower than it";
    case Verdict::tied:
      return "tied with it";
    case Verdict::unknown:
      break;
  }
  return "unknown against it";
}

std::string describe(const std::optional<Estimate>& estimate, const GraphDispatcher& dispatcher) {
  if (!estimate) return "no estimate";
  std::string text =
      fmt::format("{} [{}, {}] {}{}", format_seconds(estimate->seconds),
                  format_seconds(estimate->low_s), format_seconds(estimate->high_s),
                  dispatcher.words(estimate->origin), estimate->stale ? ", stale" : "");
  if (!estimate->records.empty()) text += " " + short_id(estimate->records.front().to_string());
  return text;
}

void print_line(const std::string& line, int indent) {
  fmt::print("{}\n", wrap(line, terminal_width(), indent));
}

// Equal nodes, shown as one.
struct Alike {
  int count = 0;
  std::vector<double> run_s;
};

std::string describe_runs(const std::vector<double>& seconds) {
  const auto [low, high] = std::minmax_element(seconds.begin(), seconds.end());
  if (seconds.size() == 1) return format_seconds(*low);
  return fmt::format("{} to {}", format_seconds(*low), format_seconds(*high));
}

void print_node(const NodeDecision& node, const std::vector<std::string>& rules, const Alike& alike,
                const GraphDispatcher& dispatcher) {
  constexpr int indent = 6;
  fmt::print("\n");
  print_line(node.workload.to_text() + (alike.count > 1 ? fmt::format("   x{}", alike.count) : ""),
             indent);
  if (!rules.empty()) print_line(fmt::format("  by {}", fmt::join(rules, ", ")), indent);
  print_line(fmt::format("  > {:<30} {}", node.kernel, describe(node.estimate, dispatcher)),
             indent);
  if (!alike.run_s.empty()) {
    print_line(fmt::format("    {:<30} {}", "in this run", describe_runs(alike.run_s)), indent);
  }
  for (const Rival& rival : node.rivals) {
    const std::string said =
        rival.excluded.empty()
            ? fmt::format("{} ({})", describe(rival.estimate, dispatcher), phrase(rival.verdict))
            : "out: " + rival.excluded;
    print_line(fmt::format("    {:<30} {}", rival.kernel, said), indent);
  }
}

void print_nodes(const Explanation& explanation, bool every_node) {
  const Dispatched& dispatched = explanation.dispatched;
  const auto& nodes = dispatched.decision.nodes;
  const auto run_of = [&](const NodeDecision& node) {
    return explanation.measured_s.empty() ? std::nullopt : explanation.measured_s[node.node];
  };
  // Equal workloads may be there by different rules.
  using Key = std::pair<WorkloadId, std::vector<std::string>>;
  const auto rules_of = [&](const NodeDecision& node) {
    return dispatched.rules.empty() ? std::vector<std::string>() : dispatched.rules[node.node];
  };
  std::map<Key, Alike> alike;
  for (const NodeDecision& node : nodes) {
    Alike& group = alike[{node.workload.id(), rules_of(node)}];
    ++group.count;
    if (const auto seconds = run_of(node)) group.run_s.push_back(*seconds);
  }
  for (const NodeDecision& node : nodes) {
    Alike& group = alike[{node.workload.id(), rules_of(node)}];
    if (every_node) {
      const auto seconds = run_of(node);
      print_node(node, rules_of(node), {1, seconds ? std::vector{*seconds} : std::vector<double>()},
                 explanation.dispatcher);
    } else if (group.count > 0) {
      print_node(node, rules_of(node), group, explanation.dispatcher);
      group.count = 0;
    }
  }
}

std::string describe(const search::Count& count) {
  const std::string number =
      count.exact ? fmt::format("{}", *count.exact) : fmt::format("10^{:.2f}", count.log10);
  return (count.is_lower_bound ? "at least " : "") + number;
}

void print_search(const SearchAccount& search) {
  print_line(
      fmt::format(
          "search: {} paths of {} workloads; by kernels, guesses at their upper end, the cheapest "
          "takes {}, {}",
          describe(search.paths), search.workloads, format_seconds(search.best_s),
          search.is_exact ? std::string("none is cheaper")
                          : fmt::format("none below {}", format_seconds(search.lower_bound_s))),
      2);
}

void print_rules(const Dispatched& dispatched) {
  std::map<std::string, int> uses;
  for (const NodeDecision& node : dispatched.decision.nodes) {
    if (dispatched.rules.empty()) break;
    for (const std::string& rule : dispatched.rules[node.node]) ++uses[rule];
  }
  if (uses.empty()) return;
  std::vector<std::string> texts;
  for (const auto& [rule, count] : uses) {
    texts.push_back(count > 1 ? fmt::format("{} x{}", rule, count) : rule);
  }
  print_line(fmt::format("rules: {}", fmt::join(texts, ", ")), 2);
}

// Equal bundles, layers repeat, are shown once.
void print_bundles(const Path& path) {
  std::map<std::int32_t, std::vector<std::string>> ops;  // By bundle.
  for (const Choice& choice : path.choices) {
    if (choice.bundle >= 0) ops[choice.bundle].push_back(path.graph.node(choice.node).op);
  }
  std::map<std::string, int> counts;
  for (const auto& [bundle, names] : ops) {
    const char* how = names.size() == 1 ? "by one thread" : "side by side, each by one thread";
    ++counts[fmt::format("{}: {}", how, fmt::join(names, ", "))];
  }
  for (const auto& [text, count] : counts) {
    print_line(count > 1 ? fmt::format("{}   x{}", text, count) : text, 2);
  }
}

std::string name_of(const PathMeasurement& row, const Dispatched& dispatched) {
  const bool is_chosen = row.path == dispatched.decision.path.id();
  const bool is_earlier = row.finished != dispatched.timed.front().finished;
  return fmt::format("{} {}{}{}", is_chosen ? ">" : " ", short_id(row.path.to_string()),
                     row.path == dispatched.standing ? ", as it stands" : "",
                     is_earlier ? ", earlier" : "");
}

void print_timed(const Dispatched& dispatched) {
  constexpr std::size_t rows_max = 8;
  if (dispatched.timed.empty()) return;
  std::vector<std::vector<std::string>> cells;
  for (const PathMeasurement& row : dispatched.timed) {
    if (cells.size() == rows_max) break;
    const bool is_ok = row.outcome == Outcome::ok;
    cells.push_back(
        {name_of(row, dispatched), format_seconds(row.predicted_s),
         is_ok ? format_seconds(row.summary.median_s) : std::string(to_string(row.outcome)),
         is_ok ? fmt::format("[{}, {}]", format_seconds(row.summary.low_s),
                             format_seconds(row.summary.high_s))
               : row.reason,
         fmt::format("{:.2g}", row.error_relative)});
  }
  fmt::print("\npaths timed whole, {} of {}:\n{}", cells.size(), dispatched.timed.size(),
             format_table({"  path", "predicted", "whole", "interval", "error"}, cells));
}

// Which path serves which values, and what was timed where it takes over.
void print_ranges(const MeasuredRanges& measured) {
  const PathRanges& ranges = measured.ranges;
  std::vector<std::vector<std::string>> cells;
  for (const PathRange& range : ranges.all) {
    const bool compares = range.before.path != range.measured.path &&
                          range.before.finished == range.measured.finished;
    cells.push_back({fmt::format("  {}={}", measured.symbol, range.from),
                     short_id(range.measured.path.to_string()),
                     format_seconds(range.measured.summary.median_s),
                     compares ? format_seconds(range.before.summary.median_s) : "-",
                     short_id(range.measured.id.to_string())});
  }
  std::vector<std::int64_t> timed;
  for (const PathRanges::Timed& point : ranges.timed) timed.push_back(point.at);
  fmt::print("\nby {}, timed at {}:\n{}", measured.symbol, fmt::join(timed, ", "),
             format_table({"  from", "path", "whole", "the one before", "record"}, cells));
}

void print_whole(const Explanation& explanation) {
  const Dispatched& dispatched = explanation.dispatched;
  const Decision& decision = dispatched.decision;
  const GraphDispatcher& dispatcher = explanation.dispatcher;
  fmt::print("\n{} nodes: {} {}, {} estimated; predicted {}\n", decision.nodes.size(),
             decision.measured, dispatcher.words(Origin::measured_here), decision.estimated,
             format_seconds(decision.predicted_s));
  if (dispatcher.options().elsewhere) {
    fmt::print("there: {} ({})\n", dispatcher.machine().model_key(),
               short_id(dispatcher.machine().id().to_string()));
  }
  if (explanation.whole) {
    fmt::print("this run: {} [{}, {}]\n", format_seconds(explanation.whole->median_s),
               format_seconds(explanation.whole->low_s), format_seconds(explanation.whole->high_s));
  }
  if (dispatched.raced) {
    fmt::print("timed whole: {} [{}, {}], error {:.2g}\n",
               format_seconds(dispatched.raced->summary.median_s),
               format_seconds(dispatched.raced->summary.low_s),
               format_seconds(dispatched.raced->summary.high_s), dispatched.raced->error_relative);
  }
  if (dispatched.basis == Basis::ranged) {
    fmt::print("its path was timed whole at values of {} around this one\n",
               dispatched.ranges->symbol);
  }
  if (dispatched.basis != Basis::standing && dispatched.standing_s > 0) {
    fmt::print("the graph as it stands: {} {}\n", dispatched.raced ? "timed whole" : "predicted",
               format_seconds(dispatched.standing_s));
  }
}

}  // namespace

void print(const Explanation& explanation, bool every_node) {
  print_nodes(explanation, every_node);
  print_whole(explanation);
  print_rules(explanation.dispatched);
  print_bundles(explanation.dispatched.decision.path);
  if (explanation.dispatched.search) print_search(*explanation.dispatched.search);
  print_timed(explanation.dispatched);
  if (explanation.dispatched.ranges) print_ranges(*explanation.dispatched.ranges);
}

}  // namespace paceline
