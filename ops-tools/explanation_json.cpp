#include <map>
#include <nlohmann/json.hpp>

#include "ops-tools/explanation.h"

namespace paceline {
namespace {

nlohmann::json to_json(const Estimate& estimate, const GraphDispatcher& dispatcher) {
  nlohmann::json records = nlohmann::json::array();
  for (const MeasurementId& id : estimate.records) records.push_back(id.to_string());
  return {{"seconds", estimate.seconds},
          {"low_s", estimate.low_s},
          {"high_s", estimate.high_s},
          {"origin", dispatcher.words(estimate.origin)},
          {"stale", estimate.stale},
          {"error_relative", estimate.error_relative},
          {"noise_floor", estimate.noise_floor},
          {"records", records}};
}

nlohmann::json to_json(const NodeDecision& node, const GraphDispatcher& dispatcher) {
  nlohmann::json rivals = nlohmann::json::array();
  for (const Rival& rival : node.rivals) {
    nlohmann::json entry = {{"kernel", rival.kernel}, {"verdict", to_string(rival.verdict)}};
    if (rival.estimate) entry["estimate"] = to_json(*rival.estimate, dispatcher);
    if (!rival.excluded.empty()) entry["excluded"] = rival.excluded;
    rivals.push_back(std::move(entry));
  }
  nlohmann::json document = {{"node", node.node},
                             {"workload", node.workload.to_text()},
                             {"workload_id", node.workload.id().to_string()},
                             {"kernel", node.kernel},
                             {"device", node.device.to_string()},
                             {"rivals", rivals}};
  if (node.estimate) document["estimate"] = to_json(*node.estimate, dispatcher);
  return document;
}

nlohmann::json to_json(const SearchAccount& search) {
  nlohmann::json document = {{"paths_log10", search.paths.log10},
                             {"paths_is_lower_bound", search.paths.is_lower_bound},
                             {"best_s", search.best_s},
                             {"lower_bound_s", search.lower_bound_s},
                             {"gap", search.gap},
                             {"is_exact", search.is_exact},
                             {"alternatives_cut", search.alternatives_cut},
                             {"workloads", search.workloads},
                             {"seconds", search.seconds}};
  if (search.paths.exact) document["paths"] = *search.paths.exact;
  return document;
}

// Of a path, those of each bundle.
nlohmann::json nodes_side_by_side(const Path& path) {
  std::map<std::int32_t, std::vector<std::int32_t>> nodes;
  for (const Choice& choice : path.choices) {
    if (choice.bundle >= 0) nodes[choice.bundle].push_back(choice.node);
  }
  nlohmann::json bundles = nlohmann::json::array();
  for (const auto& [bundle, members] : nodes) bundles.push_back(members);
  return bundles;
}

nlohmann::json to_json(const PathMeasurement& row) {
  nlohmann::json document = {{"path", row.path.to_string()},
                             {"record", row.id.to_string()},
                             {"outcome", to_string(row.outcome)},
                             {"predicted_s", row.predicted_s},
                             {"error_relative", row.error_relative}};
  if (row.outcome == Outcome::ok) {
    document["median_s"] = row.summary.median_s;
    document["low_s"] = row.summary.low_s;
    document["high_s"] = row.summary.high_s;
  } else {
    document["reason"] = row.reason;
  }
  return document;
}

}  // namespace

nlohmann::json to_json(const MeasuredRanges& measured) {
  nlohmann::json all = nlohmann::json::array();
  for (const PathRange& range : measured.ranges.all) {
    nlohmann::json entry = {{"from", range.from}, {"path", to_json(range.measured)}};
    if (range.before.path != range.measured.path) {
      entry["before"] = to_json(range.before);
      entry["before"]["at"] = range.before.bindings.at(measured.symbol);
    }
    all.push_back(std::move(entry));
  }
  nlohmann::json timed = nlohmann::json::array();
  for (const PathRanges::Timed& point : measured.ranges.timed) timed.push_back(point.at);
  return {{"symbol", measured.symbol}, {"all", all}, {"timed", timed}};
}

nlohmann::json to_json(const Explanation& explanation) {
  const Dispatched& dispatched = explanation.dispatched;
  const Decision& decision = dispatched.decision;
  nlohmann::json nodes = nlohmann::json::array();
  for (const NodeDecision& node : decision.nodes) {
    nodes.push_back(to_json(node, explanation.dispatcher));
    if (!dispatched.rules.empty()) nodes.back()["rules"] = dispatched.rules[node.node];
    if (explanation.measured_s.empty()) continue;
    if (const auto seconds = explanation.measured_s[node.node]) nodes.back()["run_s"] = *seconds;
  }
  nlohmann::json document = {{"model", explanation.model},
                             {"bindings", explanation.bindings},
                             {"graph", explanation.graph.id().to_string()},
                             {"path", decision.path.id().to_string()},
                             {"machine", explanation.dispatcher.machine().id().to_string()},
                             {"machine_model", explanation.dispatcher.machine().model_key()},
                             {"environment", explanation.dispatcher.environment().id().to_string()},
                             {"basis", to_string(dispatched.basis)},
                             {"standing_s", dispatched.standing_s},
                             {"predicted_s", decision.predicted_s},
                             {"measured", decision.measured},
                             {"estimated", decision.estimated},
                             {"nodes", nodes},
                             {"bundles", nodes_side_by_side(decision.path)},
                             {"timed", nlohmann::json::array()}};
  for (const PathMeasurement& row : dispatched.timed) document["timed"].push_back(to_json(row));
  if (dispatched.search) document["search"] = to_json(*dispatched.search);
  if (dispatched.ranges) document["ranges"] = to_json(*dispatched.ranges);
  if (explanation.whole) document["run_s"] = explanation.whole->median_s;
  return document;
}

}  // namespace paceline
