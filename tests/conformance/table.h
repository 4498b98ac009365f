#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/conformance/cases.h"

namespace paceline::conformance {

using Results = std::vector<std::pair<std::string, Outcome>>;  // By name of the case.

// Markdown: the sums, a row for each op, and every case that did not pass with its reason.
std::string to_table(const Results& results);
// "passed 800, failed 3, unsupported 41, excluded 60"
std::string summary(const Results& results);
// Names of those that passed, one a line.
std::string passing(const Results& results);
// Names in `baseline` (one a line, # begins a comment) that did not pass now.
std::vector<std::string> lost(const Results& results, const std::filesystem::path& baseline);

}  // namespace paceline::conformance
