#include "common/models/json.h"

#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "common/base/error.h"

namespace paceline {

namespace {

using nlohmann::json;

constexpr std::size_t printed_max = 80;
constexpr int depth_max = 64;

// Objects that are open at this point of the document, with the names seen so far.
class OpenObjects {
 public:
  explicit OpenObjects(std::string_view source) : source_(source) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    if (depth > depth_max) throw invalid("{}: JSON deeper than {} levels", source_, depth_max);
    if (event == Event::object_start) names_.emplace_back();
    if (event == Event::object_end) names_.pop_back();
    if (event == Event::key) add(parsed.get<std::string>());
    return true;
  }

 private:
  void add(const std::string& name) {
    if (!names_.back().insert(name).second) {
      throw invalid("{}: the name is there twice: {:?}", source_, name);
    }
  }

  std::string_view source_;
  std::vector<std::set<std::string>> names_;
};

}  // namespace

json parse_json(std::string_view text, std::string_view source) {
  try {
    OpenObjects objects(source);
    return json::parse(text, [&](int depth, json::parse_event_t event, json& value) {
      return objects(depth, event, value);
    });
  } catch (const json::parse_error& error) {
    throw invalid("{}: no valid JSON at byte {}", source, error.byte);
  } catch (const json::out_of_range&) {
    throw invalid("{}: a number in the JSON is out of range", source);
  }
}

std::string print(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > printed_max) text = text.substr(0, printed_max) + "...";
  return text;
}

}  // namespace paceline
