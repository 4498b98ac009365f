#include <fmt/format.h>

#include <algorithm>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"

namespace paceline::report {

namespace {

constexpr double width = 120;

double place(std::optional<double> seconds, double longest_s) {
  const double share = longest_s > 0 ? *seconds / longest_s : 0;
  return std::clamp(share, 0.0, 1.0) * (width - 2);
}

}  // namespace

double longest(const Times& times) {
  double most = 0;
  for (const auto& seconds : {times.predicted_s, times.high_s, times.measured_s}) {
    if (const auto value = finite(seconds)) most = std::max(most, *value);
  }
  return most;
}

std::string time_bar(const Times& times, double longest_s) {
  std::string bar = fmt::format(
      R"(<svg width="{0}" height="14" viewBox="0 0 {0} 14" role="img"><title>measured {1}, predicted {2} ({3} to {4}{5}{6})</title>)",
      width, seconds_text(times.measured_s), seconds_text(times.predicted_s),
      seconds_text(times.low_s), seconds_text(times.high_s), times.origin.empty() ? "" : ", ",
      escaped(times.origin));
  if (finite(times.measured_s)) {
    bar += fmt::format(R"(<rect class="measured" x="0" y="2" width="{:.2f}" height="10"/>)",
                       std::max(1.0, place(times.measured_s, longest_s)));
  }
  if (finite(times.low_s) && finite(times.high_s)) {
    bar += fmt::format(R"(<line class="interval" x1="{:.2f}" y1="7" x2="{:.2f}" y2="7"/>)",
                       place(times.low_s, longest_s) + 1, place(times.high_s, longest_s) + 1);
  }
  if (finite(times.predicted_s)) {
    bar += fmt::format(R"(<line class="predicted" x1="{0:.2f}" y1="0" x2="{0:.2f}" y2="14"/>)",
                       place(times.predicted_s, longest_s) + 1);
  }
  return bar + "</svg>";
}

}  // namespace paceline::report
