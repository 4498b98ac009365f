#include "ops-tools/start_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "ops-tools/command.h"

namespace paceline {

namespace {

nlohmann::json to_json(const PreparedAccount::Part& part) {
  return {{"buffers", part.buffers}, {"bytes", part.bytes}};
}

}  // namespace

nlohmann::json to_json(const StartReport& report) {
  nlohmann::json object = {
      {"model_s", report.model_s},
      {"plan_s", report.plan_s},
      {"prepare_s", report.prepare_s},
      {"first_run_s", report.first_run_s},
      {"plan", report.is_plan_cached ? "cached" : "chosen"},
      {"first_run", report.is_first_as_they_lie ? "weights as they lie" : "chosen"},
      {"packed",
       {{"cached", to_json(report.prepared.cached)},
        {"computed", to_json(report.prepared.computed)}}}};
  if (report.first_result_s) object["first_result_s"] = *report.first_result_s;
  return object;
}

std::string to_line(const StartReport& report) {
  const auto& [shared, cached, computed] = report.prepared;
  std::string line =
      report.first_result_s
          ? fmt::format("first result after {}", format_seconds(*report.first_result_s))
          : std::string("first result at a time that this system does not tell");
  if (report.is_first_as_they_lie) line += " from weights as they lie";
  line += report.is_plan_cached ? ", plan from the cache" : ", plan chosen";
  if (cached.bytes > 0) {
    line += fmt::format(", {} of packed weights from the cache", format_bytes(cached.bytes));
  }
  if (computed.bytes > 0) line += fmt::format(", {} packed", format_bytes(computed.bytes));
  return line;
}

}  // namespace paceline
