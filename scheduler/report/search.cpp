#include <fmt/format.h>

#include <algorithm>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"

namespace paceline::report {

namespace {

std::string totals(const SearchReport& search) {
  return fmt::format(
      "<dl><dt>distinct paths</dt><dd>{}</dd><dt>cheapest, by its kernels</dt><dd>{}, guesses at "
      "their upper end</dd>"
      "<dt>lower bound</dt><dd>{}</dd><dt>gap</dt><dd>{}</dd>"
      "<dt>cut for cycles</dt><dd>{} alternatives, the cheapest never among them</dd>"
      "<dt>workloads</dt><dd>{}</dd><dt>took</dt><dd>{}</dd></dl>\n",
      power_text(search.paths_log10, search.are_more_paths), seconds_text(search.best_s),
      seconds_text(search.lower_bound_s), search.is_exact ? "0: exact" : percent_text(search.gap),
      count_text(search.alternatives_cut), count_text(search.workloads),
      seconds_text(search.seconds));
}

std::string regions(const SearchReport& search) {
  std::string table =
      "<div class=\"scroll\"><table><thead><tr><th>region</th><th class=\"number\">times</th>"
      "<th class=\"number\">graph nodes</th><th class=\"number\">classes</th>"
      "<th class=\"number\">terms</th><th class=\"number\">iterations</th><th>stopped by</th>"
      "<th>cut</th></tr></thead><tbody>\n";
  for (const RegionSearch& region : search.regions) {
    table += fmt::format(
        "<tr><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td>{}</td><td>{}</td></tr>\n",
        escaped(region.name), region.count, count_text(region.graph_nodes),
        count_text(region.classes), count_text(region.nodes), region.iterations,
        escaped(region.stopped_by), region.cut.empty() ? "nothing" : escaped(region.cut));
  }
  return table + "</tbody></table></div>\n";
}

bool took_part(const RuleUse& rule) {
  return rule.matches > 0 || rule.applied > 0 || rule.banned_iterations > 0 || !rule.note.empty();
}

// Those that did something first; those that matched nowhere are not listed.
std::string rules(const RegionSearch& region) {
  std::vector<RuleUse> rules = region.rules;
  std::stable_sort(rules.begin(), rules.end(), [](const RuleUse& a, const RuleUse& b) {
    return std::pair(a.applied, a.matches) > std::pair(b.applied, b.matches);
  });
  const auto fired = std::count_if(rules.begin(), rules.end(),
                                   [](const RuleUse& rule) { return rule.applied > 0; });
  std::string table = fmt::format(
      "<details><summary>{}: {} of {} rules fired</summary><div class=\"scroll\"><table><thead>"
      "<tr><th>rule</th><th class=\"number\">matches</th><th class=\"number\">applied</th>"
      "<th class=\"number\">sat out</th><th>note</th></tr></thead><tbody>\n",
      escaped(region.name), fired, rules.size());
  for (const RuleUse& rule : rules) {
    if (!took_part(rule)) continue;
    table += fmt::format(
        "<tr><td class=\"code\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td>{}</td></tr>\n",
        escaped(rule.name), count_text(rule.matches), count_text(rule.applied),
        count_text(rule.banned_iterations), escaped(rule.note));
  }
  return table + "</tbody></table></div></details>\n";
}

}  // namespace

std::string search_section(const PathReport& report) {
  const SearchReport& search = report.search;
  std::string section = "<section id=\"search\"><h2>Search</h2>\n" + totals(search);
  if (!search.regions.empty()) section += regions(search);
  for (const RegionSearch& region : search.regions) {
    if (!region.rules.empty()) section += rules(region);
  }
  return section + "</section>\n";
}

}  // namespace paceline::report
