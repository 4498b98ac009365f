#include <fmt/format.h>

#include <algorithm>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"

namespace paceline::report {

namespace {

std::string number_cell(std::optional<double> seconds) {
  return fmt::format("<td class=\"number\" data-value=\"{}\">{}</td>", finite(seconds).value_or(-1),
                     seconds_text(seconds));
}

// "faster" and "slower" have colours; other words are shown as they are.
std::string verdict_text(const std::string& verdict) {
  const bool is_known = verdict == "faster" || verdict == "slower" || verdict == "wrong";
  return fmt::format("<span class=\"{}\">{}</span>", is_known ? verdict : "soft", escaped(verdict));
}

// Enough of an id to ask the store for; all of it where a pointer rests.
std::string records(const std::vector<std::string>& ids) {
  std::string text;
  for (const std::string& id : ids) {
    text += fmt::format("<span class=\"tag\" title=\"{}\">{}</span>", escaped(id),
                        escaped(id.substr(0, 12)));
  }
  return text;
}

std::string rival_table(const std::vector<Rival>& rivals, std::string_view what) {
  double most = 0;
  for (const Rival& rival : rivals) most = std::max(most, longest(rival.times));
  std::string table = fmt::format(
      "<div class=\"scroll\"><table><thead><tr><th>{}</th><th class=\"number\">measured</th>"
      "<th class=\"number\">predicted</th><th>from</th><th></th><th class=\"number\">error</th>"
      "<th>verdict</th><th>records</th></tr></thead><tbody>\n",
      what);
  for (const Rival& rival : rivals) {
    table += fmt::format(
        "<tr{}><td class=\"code\">{}</td>{}{}<td>{}</td><td>{}</td><td class=\"number\">{}</td>"
        "<td>{}</td><td class=\"code\">{}</td></tr>\n",
        rival.is_chosen ? " class=\"chosen\"" : "", escaped(rival.name),
        number_cell(rival.times.measured_s), number_cell(rival.times.predicted_s),
        escaped(rival.times.origin), time_bar(rival.times, most), ratio_text(rival.error_relative),
        verdict_text(rival.is_chosen && rival.verdict.empty() ? "chosen" : rival.verdict),
        records(rival.times.records));
  }
  return table + "</tbody></table></div>\n";
}

std::string types(const std::vector<std::string>& list) {
  return escaped(fmt::format("{}", fmt::join(list, ", ")));
}

std::string tags(const std::vector<std::string>& rules) {
  std::string tags;
  for (const std::string& rule : rules) {
    tags += fmt::format("<span class=\"tag\">{}</span>", escaped(rule));
  }
  return tags;
}

// A second row over all columns: rivals have columns of their own.
std::string rivals_row(const Instruction& instruction) {
  if (instruction.rivals.empty()) return "";
  const auto others = std::count_if(instruction.rivals.begin(), instruction.rivals.end(),
                                    [](const Rival& rival) { return !rival.is_chosen; });
  return fmt::format(
      "<tr><td></td><td colspan=\"7\"><details><summary>{} {}</summary>{}</details></td></tr>\n",
      others == 0 ? "no" : count_text(others), others == 1 ? "rival" : "rivals",
      rival_table(instruction.rivals, "kernel"));
}

// A body of its own, so that what belongs together is sorted and filtered together.
std::string rows(const Instruction& instruction, std::size_t index, double most) {
  const std::string label =
      instruction.label.empty()
          ? ""
          : fmt::format("<span class=\"label\">{}</span>", escaped(instruction.label));
  return fmt::format(
      "<tbody><tr><td class=\"number\" data-value=\"{0}\">{0}</td><td>{1}{2}</td>"
      "<td class=\"code\">{3}<span class=\"label\">{4}</span></td>"
      "{7}{8}<td>{9}<span class=\"label\">{10}</span></td>"
      "<td class=\"code types\">{5} → {6}</td><td>{11}</td></tr>\n{12}</tbody>\n",
      index, escaped(instruction.op), label, escaped(instruction.kernel),
      escaped(instruction.device), types(instruction.inputs), types(instruction.outputs),
      number_cell(instruction.times.measured_s), number_cell(instruction.times.predicted_s),
      time_bar(instruction.times, most), escaped(instruction.times.origin), tags(instruction.rules),
      rivals_row(instruction));
}

std::string heading(std::string_view name, bool is_number) {
  return fmt::format("<th{}><button type=\"button\">{}</button></th>",
                     is_number ? " class=\"number\"" : "", name);
}

}  // namespace

std::string instructions_section(const PathReport& report) {
  double most = 0;
  for (const Instruction& instruction : report.instructions) {
    most = std::max(most, longest(instruction.times));
  }
  std::string section =
      "<section id=\"instructions\"><h2>Instructions</h2>\n"
      "<p class=\"note\"><svg class=\"key\" viewBox=\"0 0 16 6\"><rect class=\"measured\" "
      "width=\"16\" height=\"6\"/></svg>measured <svg class=\"key\" viewBox=\"0 0 16 6\">"
      "<line class=\"interval\" x1=\"0\" y1=\"3\" x2=\"16\" y2=\"3\"/><line class=\"predicted\" "
      "x1=\"8\" y1=\"0\" x2=\"8\" y2=\"6\"/></svg>predicted, with its interval. "
      "Rules: what made the node from the graph as it was given.</p>\n"
      "<p><input id=\"filter\" type=\"search\" hidden=\"hidden\" aria-label=\"filter\" "
      "placeholder=\"filter: op, kernel, layer, rule\"/></p>\n"
      "<div class=\"scroll\"><table id=\"instruction-table\"><thead><tr>";
  section += heading("#", true) + heading("op", false) + heading("kernel", false) +
             heading("measured", true) + heading("predicted", true) + "<th></th>" +
             heading("types", false) + "<th>rules</th></tr></thead>\n";
  for (std::size_t i = 0; i < report.instructions.size(); ++i) {
    section += rows(report.instructions[i], i, most);
  }
  return section + "</table></div></section>\n";
}

std::string finalists_section(const PathReport& report) {
  std::string section = "<section id=\"finalists\"><h2>Finalists</h2>\n";
  section += report.finalists.empty()
                 ? std::string("<p class=\"note\">No path was timed whole.</p>\n")
                 : rival_table(report.finalists, "path");
  return section + "</section>\n";
}

}  // namespace paceline::report
