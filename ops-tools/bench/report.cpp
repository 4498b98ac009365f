#include "ops-tools/bench/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ops-tools/command.h"

namespace paceline::bench {
namespace {

nlohmann::json to_json(const PhaseResult& phase) {
  nlohmann::json document = {{"median_s", phase.seconds.median_s},
                             {"low_s", phase.seconds.low_s},
                             {"high_s", phase.seconds.high_s},
                             {"rounds_s", phase.rounds}};
  if (phase.ratio) {
    document["ratio"] = phase.ratio->median;
    document["ratio_low"] = phase.ratio->low;
    document["ratio_high"] = phase.ratio->high;
  }
  if (phase.roofline_fraction) document["roofline_fraction"] = *phase.roofline_fraction;
  return document;
}

nlohmann::json to_json(const Row& row) {
  nlohmann::json phases = nlohmann::json::object();
  for (const auto& [name, phase] : row.phases) phases[name] = to_json(phase);
  nlohmann::json document = {{"peer", row.peer},       {"title", row.title},
                             {"version", row.version}, {"settings", row.settings},
                             {"phases", phases},       {"slower_forms", row.slower_forms}};
  if (row.activation_bytes) document["activation_bytes"] = *row.activation_bytes;
  if (const auto& difference = row.answer.difference) {
    document["difference"] = {{"relative", difference->relative},
                              {"elementwise", difference->elementwise},
                              {"is_another_answer", row.answer.differs}};
  }
  if (row.answer.tokens_alike) document["tokens_alike"] = *row.answer.tokens_alike;
  if (row.answer.differs) document["other_answer"] = row.answer.where;
  if (!row.failure.empty()) document["failure"] = row.failure;
  return document;
}

std::string difference_cell(const Row& row) {
  const AnswerComparison& answer = row.answer;
  std::string figure;
  if (answer.difference) figure = fmt::format("{:.1e}", answer.difference->relative);
  if (answer.tokens_alike) figure = fmt::format("{} tokens alike", *answer.tokens_alike);
  if (answer.differs) return figure.empty() ? "OTHER ANSWER" : "OTHER ANSWER " + figure;
  return figure.empty() ? "-" : figure;
}

// "1.32x [1.30, 1.35]"; ours is the one that others are measured by.
std::string ratio_cell(const PhaseResult& phase) {
  if (!phase.ratio) return "1x";
  return fmt::format("{:.2f}x [{:.2f}, {:.2f}]", phase.ratio->median, phase.ratio->low,
                     phase.ratio->high);
}

std::string roofline_cell(const PhaseResult& phase) {
  if (!phase.roofline_fraction) return "-";
  return fmt::format("{:.0f} %", 100 * *phase.roofline_fraction);
}

double tokens_per_s(const std::string& phase, const Report& report, double seconds) {
  return (phase == "prefill" ? static_cast<double>(report.tokens_per_prefill.value_or(1)) : 1.0) /
         seconds;
}

std::vector<std::string> cells_of(const Row& row, const std::string& name, const PhaseResult& phase,
                                  const Report& report) {
  std::vector<std::string> cells = {
      row.title + (row.version.empty() ? "" : " " + row.version),
      format_seconds(phase.seconds.median_s),
      fmt::format("[{}, {}]", format_seconds(phase.seconds.low_s),
                  format_seconds(phase.seconds.high_s)),
      ratio_cell(phase),
      roofline_cell(phase),
      row.activation_bytes ? format_bytes(*row.activation_bytes) : "-",
      difference_cell(row)};
  if (name != "run") {
    cells.insert(cells.begin() + 1, name);
    cells.insert(cells.begin() + 3,
                 fmt::format("{:.1f}", tokens_per_s(name, report, phase.seconds.median_s)));
  }
  return cells;
}

std::vector<std::string> header_of(const Report& report) {
  std::vector<std::string> header = {"runtime",  "median",      "interval",  "of ours",
                                     "roofline", "activations", "difference"};
  for (const Row& row : report.rows) {
    if (row.phases.empty() || row.phases.contains("run")) continue;
    header.insert(header.begin() + 1, "phase");
    header.insert(header.begin() + 3, "tokens/s");
    break;
  }
  return header;
}

}  // namespace

nlohmann::json to_json(const Report& report) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Row& row : report.rows) rows.push_back(to_json(row));
  nlohmann::json document = {{"model", report.model},
                             {"threads", report.threads},
                             {"rounds", report.rounds},
                             {"rows", rows},
                             {"missing", report.missing}};
  if (report.tokens_per_prefill) document["tokens_per_prefill"] = *report.tokens_per_prefill;
  if (report.roofline_s) document["roofline_s"] = *report.roofline_s;
  return document;
}

std::string to_text(const Report& report) {
  std::vector<std::vector<std::string>> cells;
  for (const Row& row : report.rows) {
    for (const auto& [name, phase] : row.phases) {
      cells.push_back(cells_of(row, name, phase, report));
    }
  }
  std::string text = fmt::format("{}, {} thread{}, {} rounds\n\n{}\n", report.model, report.threads,
                                 report.threads == 1 ? "" : "s", report.rounds,
                                 format_table(header_of(report), cells));
  for (const Row& row : report.rows) {
    if (!row.settings.empty()) text += fmt::format("{}: {}\n", row.title, row.settings);
    for (const std::string& form : row.slower_forms) {
      text += fmt::format("  slower: {}\n", form);
    }
    if (!row.failure.empty()) text += fmt::format("{}: FAILED: {}\n", row.title, row.failure);
    if (row.answer.differs) {
      text += fmt::format("{} gives another answer: {}\n", row.title, row.answer.where);
    }
  }
  for (const std::string& line : report.missing) text += "missing: " + line + "\n";
  return text;
}

}  // namespace paceline::bench
