// onnx_conformance [FOLDER] [--only TEXT] [--table FILE] [--passing FILE] [--baseline FILE]
//
// Runs the standard's tests below FOLDER (Debian's libonnx-testdata by default). --table writes the
// table of docs/onnx_conformance.md, --passing the names of what passed; with --baseline the exit
// status is 1 when something of that list does not pass. 77: the tests are not installed.

#include <fmt/format.h>

#include <cstdio>
#include <string_view>

#include "common/base/error.h"
#include "common/base/file.h"
#include "tests/conformance/table.h"

namespace paceline::conformance {
namespace {

struct Arguments {
  std::filesystem::path folder = "/usr/share/libonnx-testdata/data";
  std::string only, table, passing, baseline;
};

Arguments parse(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    std::string* option = word == "--only"       ? &arguments.only
                          : word == "--table"    ? &arguments.table
                          : word == "--passing"  ? &arguments.passing
                          : word == "--baseline" ? &arguments.baseline
                                                 : nullptr;
    if (option == nullptr && !word.starts_with("-")) {
      arguments.folder = word;
    } else if (option == nullptr || i + 1 == count) {
      throw invalid("unknown option, or its value is missing: {}", word);
    } else {
      *option = words[++i];
    }
  }
  const bool tells_of_all =
      !arguments.table.empty() || !arguments.passing.empty() || !arguments.baseline.empty();
  if (!arguments.only.empty() && tells_of_all) {
    throw invalid("--table, --passing and --baseline are of all tests, not of --only {}",
                  arguments.only);
  }
  return arguments;
}

int run(const Arguments& arguments) {
  const std::vector<Case> cases = find_cases(arguments.folder);
  if (cases.empty()) {
    fmt::print("skipped: no tests in {}; bash ops-tools/setup.sh installs libonnx-testdata\n",
               arguments.folder.string());
    return 77;
  }
  Runner runner;
  Results results;
  for (const Case& one : cases) {
    if (one.name.find(arguments.only) == std::string::npos) continue;
    results.emplace_back(one.name, runner.run(one));
    const Outcome& outcome = results.back().second;
    if (outcome.verdict != Verdict::passed) {
      fmt::print("{}: {}: {}\n", one.name, to_string(outcome.verdict), outcome.reason);
    }
  }
  fmt::print("{}\n", summary(results));
  if (!arguments.table.empty()) write_file_atomically(arguments.table, to_table(results));
  if (!arguments.passing.empty()) write_file_atomically(arguments.passing, passing(results));
  if (arguments.baseline.empty()) return 0;
  const std::vector<std::string> missing = lost(results, arguments.baseline);
  for (const std::string& line : missing) fmt::print("no longer passes: {}\n", line);
  return missing.empty() ? 0 : 1;
}

}  // namespace
}  // namespace paceline::conformance

int main(int count, char** words) {
  try {
    return paceline::conformance::run(paceline::conformance::parse(count, words));
  } catch (const std::exception& error) {
    fmt::print(stderr, "onnx_conformance: {}\n", error.what());
    return 2;
  }
}
