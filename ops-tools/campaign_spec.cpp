#include "ops-tools/campaign_spec.h"

#include <toml++/toml.h>
#include <map>
#include <sstream>

#include "common/base/error.h"
#include "ops-tools/command.h"

namespace paceline {
namespace {

// A value of the file with what errors about it say.
struct Entry {
  std::string file;
  std::string key;
  const toml::node& node;

  Error wrong(std::string_view allowed) const {
    return invalid("{} must be {}, {}:{}", key, allowed, file, node.source().begin.line);
  }
  std::string text(std::string_view allowed = "text") const {
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) throw wrong(allowed);
    return *value;
  }
  std::int64_t integer(std::string_view allowed, std::int64_t low, std::int64_t high) const {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < low || *value > high) throw wrong(allowed);
    return *value;
  }
  double real(std::string_view allowed) const {
    const auto value = node.value<double>();
    if (!value || !(*value >= 0) || *value > 1e9) throw wrong(allowed);
    return *value;
  }
  // Its elements; itself when it is no list.
  std::vector<Entry> elements() const {
    const toml::array* array = node.as_array();
    if (array == nullptr) return {*this};
    if (array->empty()) throw wrong("a list that is not empty");
    std::vector<Entry> entries;
    for (const toml::node& element : *array) entries.push_back({file, key, element});
    return entries;
  }
};

Bindings bindings_of(const Entry& entry) {
  constexpr std::string_view allowed = "tables like {B = 1, N = 40} or texts like \"B=1,N=40\"";
  Bindings bindings;
  if (const toml::table* table = entry.node.as_table()) {
    for (const auto& [symbol, value] : *table) {
      const Entry bound{entry.file, entry.key, value};
      bindings[std::string(symbol.str())] = bound.integer(allowed, 0, INT64_MAX);
    }
    return bindings;
  }
  const auto combined = combine_bindings({entry.text(allowed)});
  if (combined.size() != 1) throw entry.wrong(allowed);
  return combined.front();
}

std::optional<Dtype> dtype_of(const Entry& entry) {
  constexpr std::string_view allowed = "f64, f32, f16 or bf16";
  const auto dtype = parse_dtype(entry.text(allowed));
  if (!dtype || !is_float(*dtype)) throw entry.wrong(allowed);
  return dtype;
}

Regime regime_of(const Entry& entry) {
  const auto regime = parse_regime(entry.text("hot or cold"));
  if (!regime) throw entry.wrong("hot or cold");
  return *regime;
}

ModelForm form_of(const Entry& entry) {
  const std::string text = entry.text("forward or generate");
  if (text == "forward") return ModelForm::forward;
  if (text == "generate") return ModelForm::generate;
  throw entry.wrong("forward or generate");
}

std::string strategy_of(const Entry& entry) {
  std::string text = entry.text("kernels or race");
  if (text != "kernels" && text != "race") throw entry.wrong("kernels or race");
  return text;
}

template <typename Read>
auto list_of(const Entry& entry, Read read) {
  std::vector<decltype(read(entry))> values;
  for (const Entry& element : entry.elements()) values.push_back(read(element));
  return values;
}

using Readers = std::map<std::string, void (*)(CampaignSpec&, const Entry&), std::less<>>;

const Readers readers = {
    {"name", [](CampaignSpec& spec, const Entry& entry) { spec.name = entry.text(); }},
    {"model",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.model = std::filesystem::path(entry.file).parent_path() / entry.text("a path");
     }},
    {"bind",
     [](CampaignSpec& spec, const Entry& entry) { spec.bindings = list_of(entry, bindings_of); }},
    {"dtype",
     [](CampaignSpec& spec, const Entry& entry) { spec.dtypes = list_of(entry, dtype_of); }},
    {"form", [](CampaignSpec& spec, const Entry& entry) { spec.form = form_of(entry); }},
    {"threads",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.threads = list_of(entry, [](const Entry& element) {
         return static_cast<std::int32_t>(element.integer("whole numbers from 0 to 4096", 0, 4096));
       });
     }},
    {"regimes",
     [](CampaignSpec& spec, const Entry& entry) { spec.regimes = list_of(entry, regime_of); }},
    {"tolerance",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.tolerance = entry.real("a number of at least 0");
     }},
    {"priority",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.priority = static_cast<std::int32_t>(
           entry.integer("a whole number from -1000 to 1000", -1000, 1000));
     }},
    {"strategy",
     [](CampaignSpec& spec, const Entry& entry) { spec.strategy = strategy_of(entry); }},
    {"paths",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.paths = static_cast<std::int32_t>(
           entry.integer("a whole number from 1 to 1024", 1, race_paths_max));
     }},
    {"rounds",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.rounds = static_cast<std::int32_t>(
           entry.integer("a whole number from 1 to 16", 1, race_rounds_max));
     }},
    {"budget.sitting_seconds",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.sitting_seconds = entry.real("seconds of at least 0");
     }},
    {"budget.campaign_seconds",
     [](CampaignSpec& spec, const Entry& entry) {
       spec.campaign_seconds = entry.real("seconds of at least 0");
     }},
};

std::string known_keys() {
  std::string keys;
  for (const auto& [key, reader] : readers) keys += (keys.empty() ? "" : ", ") + key;
  return keys;
}

void read_table(CampaignSpec& spec, const toml::table& table, const std::string& file,
                const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const Entry entry{file, prefix + std::string(name.str()), node};
    if (entry.key == "budget" && node.is_table()) {
      read_table(spec, *node.as_table(), file, "budget.");
      continue;
    }
    const auto reader = readers.find(entry.key);
    if (reader == readers.end()) {
      throw invalid("unknown key {}, {}:{}; known are {}", entry.key, file,
                    node.source().begin.line, known_keys());
    }
    reader->second(spec, entry);
  }
}

toml::table parse_file(const std::filesystem::path& file) {
  try {
    return toml::parse_file(file.string());
  } catch (const toml::parse_error& error) {
    throw invalid("campaign file does not parse, {}, {}:{}", error.description(), file.string(),
                  error.source().begin.line);
  }
}

}  // namespace

CampaignSpec read_campaign_spec(const std::filesystem::path& file) {
  CampaignSpec spec;
  const toml::table table = parse_file(file);
  read_table(spec, table, file.string(), "");
  if (spec.model.empty()) throw invalid("key model is missing, {}", file.string());
  if (spec.bindings.empty()) throw invalid("key bind is missing, {}", file.string());
  if (spec.strategy != "race") {
    for (const char* key : {"paths", "rounds"}) {
      if (const auto node = table[key]) {
        throw invalid("{} belongs to strategy = \"race\", {}:{}", key, file.string(),
                      node.node()->source().begin.line);
      }
    }
  }
  if (spec.name.empty()) spec.name = file.stem().string();
  return spec;
}

std::vector<Bindings> combine_bindings(const std::vector<std::string>& texts) {
  std::map<std::string, std::vector<std::int64_t>> values;
  for (const std::string& text : texts) {
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
      for (const auto& [symbol, value] : parse_bindings({part})) values[symbol].push_back(value);
    }
  }
  std::vector<Bindings> combined = {{}};
  for (const auto& [symbol, choices] : values) {
    std::vector<Bindings> longer;
    for (const Bindings& bindings : combined) {
      for (const std::int64_t value : choices) {
        longer.push_back(bindings);
        longer.back()[symbol] = value;
      }
    }
    combined = std::move(longer);
  }
  return combined;
}

}  // namespace paceline
