#include "coordinator/store/rows.h"

#include <nlohmann/json.hpp>

namespace paceline::fleet {

namespace {

using nlohmann::json;

std::vector<std::string> names(const std::vector<Regime>& regimes) {
  std::vector<std::string> texts;
  for (const Regime regime : regimes) texts.emplace_back(to_string(regime));
  return texts;
}

std::vector<Regime> parse_regimes(const std::vector<std::string>& texts) {
  std::vector<Regime> regimes;
  for (const std::string& text : texts) {
    const auto regime = parse_regime(text);
    check(regime.has_value(), "a regime as it was written");
    regimes.push_back(*regime);
  }
  return regimes;
}

json json_of(const Bindings& bindings) {
  json object = json::object();
  for (const auto& [symbol, value] : bindings) object[symbol] = value;
  return object;
}

Bindings bindings_of(const json& object) {
  Bindings bindings;
  for (const auto& [symbol, value] : object.items()) bindings[symbol] = value;
  return bindings;
}

json json_of(const Contender& contender) {
  return {{"path", contender.path.to_string()}, {"predicted_s", contender.predicted_s}};
}

Contender contender_of(const json& item) {
  return {id_of<PathId>(item.at("path").get<std::string>()), item.at("predicted_s")};
}

}  // namespace

std::string to_json(const std::vector<Sitting>& sittings) {
  json list = json::array();
  for (const Sitting& sitting : sittings) {
    std::vector<std::string> kernels;
    for (const KernelId& kernel : sitting.kernels) kernels.push_back(kernel.to_string());
    list.push_back({{"block", sitting.block},
                    {"regimes", names(sitting.regimes)},
                    {"kernels", kernels},
                    {"attempts", sitting.attempts},
                    {"counted", sitting.counted.to_string()},
                    {"done", sitting.done}});
  }
  return list.dump();
}

std::vector<Sitting> sittings_of(const std::string& text) {
  std::vector<Sitting> sittings;
  for (const json& item : json::parse(text)) {
    Sitting sitting{.block = item.at("block"),
                    .regimes = parse_regimes(item.at("regimes")),
                    .attempts = item.at("attempts"),
                    .counted = id_of<LeaseId>(item.at("counted").get<std::string>()),
                    .done = item.at("done")};
    for (const std::string kernel : item.at("kernels")) {
      sitting.kernels.push_back(id_of<KernelId>(kernel));
    }
    sittings.push_back(std::move(sitting));
  }
  return sittings;
}

std::string to_json(const std::vector<std::string>& texts) { return json(texts).dump(); }
std::vector<std::string> texts_of(const std::string& text) { return json::parse(text); }
std::string to_json(const std::vector<std::int32_t>& numbers) { return json(numbers).dump(); }
std::vector<std::int32_t> numbers_of(const std::string& text) { return json::parse(text); }
std::string to_json(const std::vector<Regime>& regimes) { return json(names(regimes)).dump(); }
std::vector<Regime> regimes_of(const std::string& text) {
  return parse_regimes(json::parse(text).get<std::vector<std::string>>());
}

std::string to_json(const Bindings& bindings) { return json_of(bindings).dump(); }
Bindings one_bindings_of(const std::string& text) { return bindings_of(json::parse(text)); }

std::string to_json(const std::vector<Bindings>& bindings) {
  json list = json::array();
  for (const Bindings& bound : bindings) list.push_back(json_of(bound));
  return list.dump();
}

std::vector<Bindings> bindings_of(const std::string& text) {
  std::vector<Bindings> bindings;
  for (const json& object : json::parse(text)) bindings.push_back(bindings_of(object));
  return bindings;
}

std::string to_json(const std::vector<Contender>& contenders) {
  json list = json::array();
  for (const Contender& contender : contenders) list.push_back(json_of(contender));
  return list.dump();
}

std::vector<Contender> contenders_of(const std::string& text) {
  std::vector<Contender> contenders;
  for (const json& item : json::parse(text)) contenders.push_back(contender_of(item));
  return contenders;
}

std::string to_json(const Race& race) {
  json runners = json::array();
  if (race.round > 0) {
    runners.push_back(json_of(race.standing));
    runners.back()["standing"] = true;
    runners.back()["round"] = race.round;
    runners.back()["in"] = true;
  }
  for (const Race::Runner& runner : race.runners) {
    json item = json_of(runner.contender);
    item["standing"] = false;
    item["round"] = runner.round;
    item["ratio"] = runner.ratio ? json(*runner.ratio) : json();
    item["in"] = runner.is_in;
    runners.push_back(std::move(item));
  }
  return runners.dump();
}

Race race_of(const std::string& text) {
  Race race;
  for (const json& item : json::parse(text)) {
    if (item.at("standing").get<bool>()) {
      race.standing = contender_of(item);
      continue;
    }
    Race::Runner runner{.contender = contender_of(item), .round = item.at("round")};
    if (!item.at("ratio").is_null()) runner.ratio = item.at("ratio").get<double>();
    runner.is_in = item.at("in");
    race.runners.push_back(std::move(runner));
  }
  return race;
}

}  // namespace paceline::fleet
