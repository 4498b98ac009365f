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

std::string to_json(const std::vector<Bindings>& bindings) {
  json list = json::array();
  for (const Bindings& bound : bindings) {
    json object = json::object();
    for (const auto& [symbol, value] : bound) object[symbol] = value;
    list.push_back(std::move(object));
  }
  return list.dump();
}

std::vector<Bindings> bindings_of(const std::string& text) {
  std::vector<Bindings> bindings;
  for (const json& object : json::parse(text)) {
    Bindings& bound = bindings.emplace_back();
    for (const auto& [symbol, value] : object.items()) bound[symbol] = value;
  }
  return bindings;
}

}  // namespace paceline::fleet
