#pragma once

#include <string>

#include "scheduler/report/path_report.h"

namespace paceline::report {

// One page of HTML that needs nothing else: no network, no other file; also well-formed XML. Any
// text may stand in the report: it is shown, never run. Any thread.
std::string to_html(const PathReport& report);

}  // namespace paceline::report
