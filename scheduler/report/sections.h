#pragma once

#include <string>

#include "scheduler/report/path_report.h"

namespace paceline::report {

// Parts of the page: each a <section> with a heading, well-formed.
std::string overview_section(const PathReport& report);  // Facts, totals, time by kernel.
std::string finalists_section(const PathReport& report);
std::string instructions_section(const PathReport& report);
std::string memory_section(const PathReport& report);
std::string search_section(const PathReport& report);

// Predicted and measured time against the longest, as inline SVG: a bar for what was measured, a
// line for what was predicted, with its interval.
std::string time_bar(const Times& times, double longest_s);
// The longest finite number among them.
double longest(const Times& times);

}  // namespace paceline::report
