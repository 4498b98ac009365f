#pragma once

#include <cctype>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::test {

// What keeps `page` from being well-formed XML with the entities of HTML's five; empty: nothing.
class WellFormed {
 public:
  explicit WellFormed(std::string_view page) : rest_(page) {}

  std::string complaint() {
    constexpr std::string_view doctype = "<!DOCTYPE html>";
    if (!rest_.starts_with(doctype)) return "no doctype";
    rest_.remove_prefix(doctype.size());
    while (!rest_.empty() && complaint_.empty()) {
      if (rest_[0] == '<') {
        tag();
      } else {
        text(rest_.substr(0, rest_.find('<')));
      }
    }
    if (complaint_.empty() && !open_.empty()) complaint_ = "never closed: " + open_.back();
    return complaint_;
  }

 private:
  void text(std::string_view part) {
    rest_.remove_prefix(part.size());
    for (std::size_t at = part.find('&'); at != part.npos; at = part.find('&', at + 1)) {
      const std::string_view entity = part.substr(at, part.find(';', at) - at + 1);
      static const std::set<std::string_view> known = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
      if (known.count(entity) == 0) complaint_ = "a bare &: " + std::string(part.substr(at, 20));
    }
    for (const char c : part) {
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') {
        complaint_ = "a control character";
      }
    }
  }

  void tag() {
    rest_.remove_prefix(1);
    const bool is_end = eat('/');
    const std::string name = word();
    if (name.empty()) return complain("a bare <");
    while (space(), complaint_.empty() && !rest_.empty() && rest_[0] != '>' && rest_[0] != '/') {
      attribute();
    }
    const bool is_empty = eat('/');
    if (!eat('>')) return complain("an unfinished tag: " + name);
    if (is_end && (open_.empty() || open_.back() != name)) return complain("not open: " + name);
    if (is_end) open_.pop_back();
    if (!is_end && !is_empty) open_.push_back(name);
  }

  void attribute() {
    if (word().empty() || !eat('=') || !eat('"')) return complain("an attribute without value");
    const std::size_t end = rest_.find('"');
    if (end == rest_.npos) return complain("an unfinished attribute");
    if (rest_.substr(0, end).find('<') != rest_.npos) complain("a < in an attribute");
    text(rest_.substr(0, end));
    eat('"');
  }

  std::string word() {
    std::string word;
    while (!rest_.empty() && (std::isalnum(static_cast<unsigned char>(rest_[0])) != 0 ||
                              rest_[0] == '-' || rest_[0] == ':')) {
      word += rest_[0];
      rest_.remove_prefix(1);
    }
    return word;
  }

  void space() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_[0])) != 0) {
      rest_.remove_prefix(1);
    }
  }

  bool eat(char wanted) {
    if (rest_.empty() || rest_[0] != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void complain(std::string what) {
    complaint_ = std::move(what) + " before " + std::string(rest_.substr(0, 40));
  }

  std::string_view rest_;
  std::vector<std::string> open_;
  std::string complaint_;
};

}  // namespace paceline::test
