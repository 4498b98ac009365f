#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"

namespace paceline::report {

namespace {

std::string tile(std::string_view name, std::string_view value) {
  return fmt::format("<div class=\"tile\">{}<b>{}</b></div>\n", name, value);
}

std::string facts(const PathReport& report) {
  std::string list = "<dl>\n";
  for (const auto& [name, value] : report.facts) {
    list += fmt::format("<dt>{}</dt><dd><code>{}</code></dd>\n", escaped(name), escaped(value));
  }
  return list + "</dl>\n";
}

std::string tiles(const PathReport& report) {
  const SearchReport& search = report.search;
  std::string tiles = "<div class=\"tiles\">\n";
  tiles += tile("measured", seconds_text(report.total.measured_s));
  tiles += tile("predicted", seconds_text(report.total.predicted_s));
  tiles += tile("instructions", count_text(static_cast<std::int64_t>(report.instructions.size())));
  tiles += tile("arena", bytes_text(report.memory.arena_bytes));
  tiles += tile("paths", power_text(search.paths_log10, search.are_more_paths));
  tiles += tile("gap to the bound", search.is_exact ? "exact" : percent_text(search.gap));
  return tiles + "</div>\n";
}

struct Group {
  std::string kernel;
  std::int64_t count = 0;
  Times times;
};

void add(std::optional<double>& sum, std::optional<double> value) {
  if (const auto seconds = finite(value)) sum = sum.value_or(0) + *seconds;
}

// What was measured counts before what was predicted.
double weight(const Group& group) {
  return group.times.measured_s.value_or(group.times.predicted_s.value_or(0));
}

std::vector<Group> groups_of(const PathReport& report) {
  std::map<std::string, Group> by_kernel;
  for (const Instruction& instruction : report.instructions) {
    Group& group = by_kernel[instruction.kernel];
    group.kernel = instruction.kernel;
    ++group.count;
    add(group.times.predicted_s, instruction.times.predicted_s);
    add(group.times.measured_s, instruction.times.measured_s);
  }
  std::vector<Group> groups;
  for (auto& [kernel, group] : by_kernel) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return weight(a) > weight(b); });
  return groups;
}

std::string by_kernel(const PathReport& report) {
  const std::vector<Group> groups = groups_of(report);
  if (groups.empty()) return "";
  double most = 0;
  double sum = 0;
  for (const Group& group : groups) {
    most = std::max(most, longest(group.times));
    sum += weight(group);
  }
  std::string table =
      "<h3>Time by kernel</h3>\n<div class=\"scroll\"><table><thead><tr><th>kernel</th>"
      "<th class=\"number\">uses</th><th class=\"number\">share</th>"
      "<th class=\"number\">measured</th><th class=\"number\">predicted</th><th></th></tr></thead>"
      "<tbody>\n";
  for (const Group& group : groups) {
    table += fmt::format(
        "<tr><td class=\"code\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
        group.kernel.empty() ? "–" : escaped(group.kernel), count_text(group.count),
        percent_text(sum > 0 ? weight(group) / sum : 0), seconds_text(group.times.measured_s),
        seconds_text(group.times.predicted_s), time_bar(group.times, most));
  }
  return table + "</tbody></table></div>\n";
}

}  // namespace

std::string overview_section(const PathReport& report) {
  return "<section id=\"overview\"><h2>Overview</h2>\n" + facts(report) + tiles(report) +
         by_kernel(report) + "</section>\n";
}

}  // namespace paceline::report
