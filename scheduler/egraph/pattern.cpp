#include "scheduler/egraph/pattern.h"

#include <algorithm>
#include <charconv>
#include <functional>

#include "common/base/error.h"
#include "common/graph/text/elements.h"
#include "common/graph/text/reader.h"

namespace paceline::egraph {

namespace {

constexpr int nesting_max = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return is_letter(c) || is_digit(c); }
bool is_number_char(char c) { return is_name_char(c) || c == '.' || c == '+' || c == '-'; }

const AttributeSpec* find_spec(const Op& op, std::string_view name) {
  for (const AttributeSpec& spec : op.attributes) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

class Parser {
 public:
  Parser(std::string_view text, const OpSet* ops) : text_(text), ops_(ops) { skip_blanks(); }

  Term whole_term() {
    Term parsed = term();
    expect_end();
    return parsed;
  }

  ConditionTerm whole_condition() {
    ConditionTerm condition;
    condition.is_negated = accept('!');
    condition.call = expression({});
    if (condition.call.kind != Expression::Kind::call) fail(0, "expected a call: name(...)");
    expect_end();
    return condition;
  }

 private:
  [[noreturn]] void fail(std::size_t place, std::string_view message) const {
    fail_at(text_, place, message);
  }

  template <typename Read>
  auto located(std::size_t place, Read read) const {
    try {
      return read();
    } catch (const Error& error) {
      fail(place, error.what());
    }
  }

  Term term() {
    const std::size_t start = at_;
    if (next_is('?')) return variable();
    if (next_is('(')) return nested(start);
    return number();
  }

  Term nested(std::size_t start) {
    if (++nesting_ > nesting_max) fail(start, "terms nest too deep");
    expect('(');
    Term parsed = peek_name() == "const" ? constant() : op();
    expect(')');
    --nesting_;
    parsed.place = start;
    return parsed;
  }

  Term variable() {
    Term parsed{.place = at_};
    parsed.name = variable_name();
    if (accept_dots()) {
      parsed.kind = Term::Kind::list;
    } else if (accept(':')) {
      const std::size_t place = at_;
      const std::string known = name("const or static");
      if (known != "const" && known != "static") fail(place, "expected const or static");
      parsed.known = known == "const" ? Term::Known::splat : Term::Known::fixed;
    }
    return parsed;
  }

  Term number() {
    Term parsed{.kind = Term::Kind::literal, .place = at_};
    const std::string_view word = take_while(is_number_char);
    if (word.empty()) fail(at_, "expected ?variable, (op ...) or a number");
    parsed.literal = located(parsed.place, [&] { return parse_real(word); });
    return parsed;
  }

  Term constant() {
    Term parsed{.kind = Term::Kind::constant};
    name("const");
    parsed.value = expression(AttributeKind::real);
    parsed.children.push_back(term());
    return parsed;
  }

  Term op() {
    Term parsed{.kind = Term::Kind::op};
    const std::size_t start = at_;
    const std::string op_name = name("an op");
    parsed.op = located(start, [&] { return &ops_->get(op_name); });
    if (accept('#')) parsed.output = static_cast<std::int32_t>(integer());
    if (accept('[')) attributes(parsed);
    while (!next_is(')')) {
      if (at_end()) fail(at_, "expected ')'");
      parsed.children.push_back(term());
    }
    return parsed;
  }

  void attributes(Term& into) {
    do {
      if (accept('*')) {
        into.takes_others = true;
        if (accept('=')) into.rest = variable_name();
      } else {
        into.attributes.push_back(attribute(*into.op, into.attributes));
      }
    } while (accept(','));
    expect(']');
  }

  AttributeTerm attribute(const Op& op, const std::vector<AttributeTerm>& earlier) {
    AttributeTerm parsed{.place = at_};
    parsed.name = name("an attribute or *");
    const AttributeSpec* spec = find_spec(op, parsed.name);
    if (spec == nullptr) {
      fail(parsed.place, fmt::format("{} has no attribute \"{}\"", op.name, parsed.name));
    }
    for (const AttributeTerm& other : earlier) {
      if (other.name == parsed.name) fail(parsed.place, "the attribute stands here twice");
    }
    expect('=');
    parsed.value = expression(spec->kind);
    return parsed;
  }

  // A literal is of the kind that is declared where it stands, else of the kind that it looks like.
  Expression expression(std::optional<AttributeKind> kind) {
    Expression parsed{.place = at_};
    if (next_is('?')) {
      parsed.name = variable_name();
      parsed.kind = accept_dots() ? Expression::Kind::list : Expression::Kind::variable;
    } else if (next_is_call()) {
      parsed.kind = Expression::Kind::call;
      parsed.name = name("a function");
      arguments(parsed.arguments);
    } else {
      const std::string_view word = literal_text();
      parsed.literal = located(parsed.place, [&] {
        TextReader reader(word);
        const Attribute value = reader.attribute(kind.value_or(kind_of_text(word)));
        reader.expect_end();
        return value;
      });
    }
    return parsed;
  }

  void arguments(std::vector<Expression>& into) {
    if (++nesting_ > nesting_max) fail(at_, "calls nest too deep");
    expect('(');
    while (!accept(')')) {
      if (!into.empty()) expect(',');
      into.push_back(expression({}));
    }
    --nesting_;
  }

  static AttributeKind kind_of_text(std::string_view word) {
    if (word == "true" || word == "false") return AttributeKind::boolean;
    if (word.starts_with('"')) return AttributeKind::text;
    if (word.starts_with('[')) return AttributeKind::integers;
    if (parse_dtype(word)) return AttributeKind::dtype;
    std::int64_t integer;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), integer);
    const bool is_integer = error == std::errc() && end == word.data() + word.size();
    return is_integer ? AttributeKind::integer : AttributeKind::real;
  }

  // Up to the ',', ']', ')' or blank that ends it.
  std::string_view literal_text() {
    const std::size_t start = at_;
    int depth = 0;
    bool is_quoted = false;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"' && text_[at_ - 1] != '\\') is_quoted = !is_quoted;
      if (is_quoted) continue;
      const bool closes = c == ']' || c == ')';
      if (depth == 0 && (closes || c == ',' || c == ' ' || c == '\n')) break;
      if (c == '[' || c == '(') ++depth;
      if (closes) --depth;
    }
    const std::string_view word = text_.substr(start, at_ - start);
    if (word.empty()) fail(start, "expected a value, ?variable or function(...)");
    skip_blanks();
    return word;
  }

  bool next_is_call() const {
    std::size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end])) ++end;
    return end > at_ && is_letter(text_[at_]) && end < text_.size() && text_[end] == '(';
  }

  std::string variable_name() {
    const std::size_t start = at_;
    if (!accept('?') || !is_name_char(at_end() ? ' ' : text_[at_])) fail(start, "expected ?name");
    std::size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end])) ++end;
    std::string taken(text_.substr(at_, end - at_));
    at_ = end;
    if (!next_is('.') && !next_is(':')) skip_blanks();
    return taken;
  }

  std::string_view peek_name() const {
    std::size_t end = at_;
    while (end < text_.size() && is_name_char(text_[end])) ++end;
    return text_.substr(at_, end - at_);
  }

  std::string name(std::string_view what) {
    if (at_end() || !is_letter(text_[at_])) fail(at_, fmt::format("expected {}", what));
    return std::string(take_while(is_name_char));
  }

  std::int64_t integer() {
    const std::size_t start = at_;
    const std::string_view word = take_while(is_digit);
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (word.empty() || error != std::errc()) fail(start, "expected the number of an output");
    return value;
  }

  std::string_view take_while(bool (*belongs)(char)) {
    const std::size_t start = at_;
    while (!at_end() && belongs(text_[at_])) ++at_;
    const std::string_view taken = text_.substr(start, at_ - start);
    skip_blanks();
    return taken;
  }

  void skip_blanks() {
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }

  bool at_end() const { return at_ >= text_.size(); }
  bool next_is(char c) const { return !at_end() && text_[at_] == c; }

  bool accept(char c) {
    if (!next_is(c)) return false;
    ++at_;
    if (c != '?') skip_blanks();
    return true;
  }

  bool accept_dots() {
    if (!text_.substr(at_).starts_with("...")) return false;
    at_ += 3;
    skip_blanks();
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(at_, fmt::format("expected '{}'", c));
  }

  void expect_end() const {
    if (!at_end()) fail(at_, "expected the end");
  }

  std::string_view text_;
  const OpSet* ops_;
  std::size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

Term parse_term(std::string_view text, const OpSet& ops) { return Parser(text, &ops).whole_term(); }

ConditionTerm parse_condition(std::string_view text) {
  return Parser(text, nullptr).whole_condition();
}

void fail_at(std::string_view text, std::size_t place, std::string_view message) {
  constexpr std::size_t shown_max = 24;
  const std::string_view rest = text.substr(std::min(place, text.size()));
  const std::string found =
      rest.empty() ? "the text ends" : fmt::format("\"{}\"", rest.substr(0, shown_max));
  throw invalid("column {}: {}: {}", place + 1, message, found);
}

}  // namespace paceline::egraph
