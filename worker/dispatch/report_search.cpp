#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "worker/dispatch/report_parts.h"
#include "worker/measure/path_race.h"

namespace paceline {

namespace {

std::string cut(const egraph::Report& report) {
  std::vector<std::string> cut;
  if (report.matches_cut > 0) cut.push_back(fmt::format("{} matches", report.matches_cut));
  if (report.precision_left_out > 0) {
    cut.push_back(fmt::format("{} rules beyond the tolerance", report.precision_left_out));
  }
  return fmt::format("{}", fmt::join(cut, ", "));
}

report::RegionSearch region(const paths::RegionReport& searched, std::size_t index) {
  const egraph::Report& report = searched.search;
  report::RegionSearch region{.name = fmt::format("region {}", index + 1),
                              .count = searched.count,
                              .graph_nodes = searched.graph_nodes,
                              .classes = report.classes,
                              .nodes = report.nodes,
                              .iterations = report.iterations,
                              .stopped_by = std::string(to_string(report.stopped_by)),
                              .cut = cut(report),
                              .rules = {}};
  for (const egraph::RuleReport& rule : report.rules) {
    region.rules.push_back({rule.name, rule.matches, rule.applied, rule.banned_iterations,
                            rule.refused == 0
                                ? std::string()
                                : fmt::format("refused {}x: {}", rule.refused, rule.refusal)});
  }
  return region;
}

std::string verdict_against_chosen(const PathMeasurement& row, const Dispatched& dispatched) {
  if (!dispatched.raced) return "unknown";
  const PathMeasurement& chosen = *dispatched.raced;
  if (row.finished != chosen.finished) return "unknown: of an earlier race";
  if (is_faster(row, chosen)) return "faster";
  if (is_faster(chosen, row)) return "slower";
  const double noise_floor = std::max(row.noise_floor, chosen.noise_floor);
  const bool is_tied = compare(row.summary, chosen.summary, noise_floor) == Verdict::tied;
  return is_tied ? "tied" : "unknown";
}

report::Rival finalist(const PathMeasurement& row, const Dispatched& dispatched) {
  const bool is_ok = row.outcome == Outcome::ok;
  report::Rival rival{.name = row.path.to_string(),
                      .times = {},
                      .error_relative = row.error_relative,
                      .verdict = std::string(to_string(row.outcome)),
                      .is_chosen = row.path == dispatched.decision.path.id()};
  rival.times.predicted_s = row.predicted_s;
  rival.times.origin = "its kernels";
  rival.times.records = {row.id.to_string()};
  if (!is_ok) {
    rival.verdict += ": " + row.reason;
    return rival;
  }
  rival.times.measured_s = row.summary.median_s;
  rival.verdict = rival.is_chosen ? "" : verdict_against_chosen(row, dispatched);
  if (row.path == dispatched.standing) rival.name += " (as it stands)";
  return rival;
}

}  // namespace

report::SearchReport search_of(const SearchAccount& account) {
  report::SearchReport search{.regions = {},
                              .paths_log10 = account.paths.log10,
                              .are_more_paths = account.paths.is_lower_bound,
                              .best_s = account.best_s,
                              .lower_bound_s = account.lower_bound_s,
                              .gap = account.gap,
                              .is_exact = account.is_exact,
                              .alternatives_cut = account.alternatives_cut,
                              .workloads = account.workloads,
                              .seconds = account.seconds};
  for (std::size_t i = 0; i < account.regions.size(); ++i) {
    search.regions.push_back(region(account.regions[i], i));
  }
  return search;
}

std::vector<report::Rival> finalists_of(const Dispatched& dispatched) {
  std::vector<report::Rival> finalists;
  for (const PathMeasurement& row : dispatched.timed) {
    finalists.push_back(finalist(row, dispatched));
  }
  return finalists;
}

}  // namespace paceline
