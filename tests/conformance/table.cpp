#include "tests/conformance/table.h"

#include <array>
#include <map>
#include <sstream>

#include "common/base/error.h"
#include "common/base/file.h"

namespace paceline::conformance {

namespace {

using Counts = std::array<int, 4>;  // By Verdict.

Counts count(const Results& results) {
  Counts counts{};
  for (const auto& [name, outcome] : results) ++counts[static_cast<std::size_t>(outcome.verdict)];
  return counts;
}

int of(const Counts& counts, Verdict verdict) { return counts[static_cast<std::size_t>(verdict)]; }

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '|') c = ' ';
  }
  constexpr std::size_t length_max = 240;
  if (text.size() > length_max) text = text.substr(0, length_max) + "...";
  return text;
}

std::string row(const std::string& name, const Counts& counts) {
  return fmt::format("| {} | {} | {} | {} | {} |\n", name, of(counts, Verdict::passed),
                     of(counts, Verdict::failed), of(counts, Verdict::unsupported),
                     of(counts, Verdict::excluded));
}

std::string listing(const Results& results, Verdict verdict) {
  std::string list;
  for (const auto& [name, outcome] : results) {
    if (outcome.verdict == verdict) {
      list += fmt::format("| {} | {} |\n", name, one_line(outcome.reason));
    }
  }
  if (list.empty()) return "None.\n";
  return "| case | reason |\n| --- | --- |\n" + list;
}

double share(const Counts& counts) {
  const int rest =
      of(counts, Verdict::passed) + of(counts, Verdict::failed) + of(counts, Verdict::unsupported);
  return rest == 0 ? 0 : 100.0 * of(counts, Verdict::passed) / rest;
}

}  // namespace

std::string summary(const Results& results) {
  const Counts counts = count(results);
  return fmt::format(
      "{} cases: {} passed, {} failed, {} unsupported, {} excluded; {:.1f} % of those not excluded "
      "passed",
      results.size(), of(counts, Verdict::passed), of(counts, Verdict::failed),
      of(counts, Verdict::unsupported), of(counts, Verdict::excluded), share(counts));
}

std::string to_table(const Results& results) {
  std::map<std::string, Counts> by_op;
  std::map<std::string, Counts> by_kind;
  int fixed = 0;
  for (const auto& [name, outcome] : results) {
    const auto verdict = static_cast<std::size_t>(outcome.verdict);
    for (const std::string& op : outcome.ops) ++by_op[op][verdict];
    ++by_kind[name.substr(0, name.find('/'))][verdict];
    fixed += outcome.verdict == Verdict::passed && !outcome.fixed.empty();
  }
  std::string text =
      "# ONNX conformance\n\n"
      "The standard's own tests (Debian's libonnx-testdata), imported, compiled with plain kernels "
      "and compared with\nthe recorded outputs to a relative 1e-3 and an absolute 1e-7, as the "
      "standard's runner does. Written by\n`onnx_conformance --table docs/onnx_conformance.md`; "
      "`tests/conformance/passing.txt` lists what must keep\npassing.\n\n";
  text += summary(results) + ".\n\n";
  text += fmt::format(
      "Excluded are strings, sequences, optionals, training and ai.onnx.ml. Of the cases that "
      "passed, {} give an operand\nthat decides a shape (of Reshape, Slice, Pad, ...) as an input "
      "of the run: the importer was given it beforehand.\n\n",
      fixed);
  text +=
      "| folder | passed | failed | unsupported | excluded |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& [kind, counts] : by_kind) text += row(kind, counts);
  text += "\n## By op\n\nA case counts for every op that it holds.\n\n";
  text += "| op | passed | failed | unsupported | excluded |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& [op, counts] : by_op) text += row(op, counts);
  text += "\n## Failed\n\n" + listing(results, Verdict::failed);
  text += "\n## Unsupported\n\n" + listing(results, Verdict::unsupported);
  text += "\n## Excluded\n\n" + listing(results, Verdict::excluded);
  return text;
}

std::string passing(const Results& results) {
  std::string names;
  for (const auto& [name, outcome] : results) {
    if (outcome.verdict == Verdict::passed) names += name + "\n";
  }
  return names;
}

std::vector<std::string> lost(const Results& results, const std::filesystem::path& baseline) {
  std::map<std::string, Outcome> by_name(results.begin(), results.end());
  std::vector<std::string> lost;
  std::istringstream lines(read_text_file(baseline));
  for (std::string name; std::getline(lines, name);) {
    if (name.empty() || name.front() == '#') continue;
    const auto found = by_name.find(name);
    if (found == by_name.end()) {
      lost.push_back(name + ": no such case");
    } else if (found->second.verdict != Verdict::passed) {
      lost.push_back(
          fmt::format("{}: {}: {}", name, to_string(found->second.verdict), found->second.reason));
    }
  }
  return lost;
}

}  // namespace paceline::conformance
