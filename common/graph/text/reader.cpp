#include "common/graph/text/reader.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "common/graph/text/elements.h"

namespace paceline {

namespace {

// A shape multiplies its dims; more products than these are hostile.
constexpr std::size_t products_max = 64;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return is_letter(c) || is_digit(c); }
bool is_word_char(char c) {
  return is_name_char(c) || std::string_view(".+-%").find(c) != std::string_view::npos;
}
bool is_device_char(char c) { return is_name_char(c) || c == ':'; }
bool is_dim_char(char c) {
  return is_name_char(c) || std::string_view("+-* ").find(c) != std::string_view::npos;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    default:
      return c;
  }
}

std::size_t term_count(std::string_view dim) {
  return 1 + std::count_if(dim.begin(), dim.end(), [](char c) { return c == '+' || c == '-'; });
}

}  // namespace

void TextReader::skip_blanks() {
  while (!at_end()) {
    if (text_[at_] == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    } else {
      return;
    }
  }
}

std::string_view TextReader::take_while(bool (*belongs)(char)) {
  const std::size_t start = at_;
  while (!at_end() && belongs(text_[at_])) ++at_;
  const std::string_view taken = text_.substr(start, at_ - start);
  skip_blanks();
  return taken;
}

bool TextReader::accept(std::string_view punctuation) {
  if (!text_.substr(at_).starts_with(punctuation)) return false;
  at_ += punctuation.size();
  skip_blanks();
  return true;
}

bool TextReader::accept_word(std::string_view word) {
  const std::string_view rest = text_.substr(at_);
  if (!rest.starts_with(word)) return false;
  if (rest.size() > word.size() && is_name_char(rest[word.size()])) return false;
  return accept(word);
}

void TextReader::expect(std::string_view punctuation) {
  if (!accept(punctuation)) fail(fmt::format("'{}'", punctuation));
}

void TextReader::expect_word(std::string_view word) {
  if (!accept_word(word)) fail(fmt::format("'{}'", word));
}

void TextReader::expect_end() {
  if (!at_end()) fail("the end");
}

bool TextReader::next_is_identifier() const { return !at_end() && is_letter(text_[at_]); }

std::string TextReader::identifier(std::string_view what) {
  if (!next_is_identifier()) fail(what);
  return std::string(take_while(is_name_char));
}

std::string TextReader::quoted(std::string_view what) {
  const std::size_t start = at_;
  if (!next_is('"')) fail(what);
  std::string value;
  for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
    const bool escaped = text_[at_] == '\\' && at_ + 1 < text_.size();
    value += escaped ? unescaped(text_[++at_]) : text_[at_];
  }
  if (at_end()) fail_at(start, "a quote without its end");
  ++at_;
  skip_blanks();
  return value;
}

std::string TextReader::name(std::string_view what) {
  return next_is('"') ? quoted(what) : identifier(what);
}

std::string TextReader::word(std::string_view what) {
  const std::string_view word = take_while(is_word_char);
  if (word.empty()) fail(what);
  return std::string(word);
}

std::int64_t TextReader::integer() {
  const std::size_t start = at_;
  const std::string text = word("an integer");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail_at(start, fmt::format("expected an integer of 64 bits: \"{}\"", text));
  }
  return value;
}

std::int32_t TextReader::index() {
  const std::size_t start = at_;
  const std::int64_t value = integer();
  if (value >= 0 && value <= std::numeric_limits<std::int32_t>::max()) {
    return static_cast<std::int32_t>(value);
  }
  fail_at(start, fmt::format("expected an index: {}", value));
}

Dim TextReader::dim() {
  const std::size_t start = at_;
  const std::string_view text = take_while(is_dim_char);
  if (text.empty()) fail("a dim");
  if (term_count(text) > products_max) fail_at(start, "a dim of too many terms");
  return located(start, [&] { return Dim::parse(text); });
}

void TextReader::list(std::string_view open, std::string_view close,
                      const std::function<void()>& item) {
  expect(open);
  if (accept(close)) return;
  do item();
  while (accept(","));
  expect(close);
}

Shape TextReader::shape() {
  const std::size_t start = at_;
  Shape shape;
  std::size_t products = 1;
  list("[", "]", [&] {
    const std::size_t from = at_;
    shape.push_back(dim());
    products *= term_count(text_.substr(from, at_ - from));
    if (shape.size() > tensor_rank_max || products > products_max) {
      fail_at(start, fmt::format("a shape has at most {} axes and {} products of terms",
                                 tensor_rank_max, products_max));
    }
  });
  return shape;
}

Extents TextReader::extents() {
  const std::size_t start = at_;
  Extents extents;
  list("[", "]", [&] {
    extents.push_back(integer());
    if (extents.back() < 0 || extents.size() > tensor_rank_max) {
      fail_at(start, fmt::format("extents are at least 0, and at most {}", tensor_rank_max));
    }
  });
  located(start, [&] { return element_count(extents); });
  return extents;
}

Dtype TextReader::dtype() {
  const std::size_t start = at_;
  const std::string text = identifier("a dtype");
  if (const std::optional<Dtype> dtype = parse_dtype(text)) return *dtype;
  fail_at(start, fmt::format("unknown dtype \"{}\"", text));
}

Device TextReader::device() {
  const std::size_t start = at_;
  const std::string_view text = take_while(is_device_char);
  if (text.empty()) fail("a device");
  return located(start, [&] { return Device::parse(text); });
}

TensorType TextReader::type() {
  TensorType type{dtype(), shape()};
  if (next_is('{')) list("{", "}", [&] { type.layout.order.push_back(index()); });
  if (accept("@")) type.layout.packing = quoted("a packing in quotes");
  return type;
}

Attribute TextReader::attribute(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::boolean:
      if (accept_word("true")) return true;
      if (accept_word("false")) return false;
      fail("true or false");
    case AttributeKind::integer:
      return integer();
    case AttributeKind::real: {
      const std::size_t start = at_;
      const std::string text = word("a number");
      return located(start, [&] { return parse_real(text); });
    }
    case AttributeKind::text:
      return quoted("text in quotes");
    case AttributeKind::dtype:
      return dtype();
    case AttributeKind::dim:
      return dim();
    case AttributeKind::shape:
      return shape();
    case AttributeKind::integers:
      break;
  }
  std::vector<std::int64_t> integers;
  list("[", "]", [&] { integers.push_back(integer()); });
  return integers;
}

bool TextReader::next_is_attribute() const {
  TextReader ahead = *this;
  return ahead.next_is_identifier() && !ahead.take_while(is_name_char).empty() &&
         ahead.next_is('=');
}

void TextReader::attribute(const Op& op, Attributes& into) {
  const std::size_t start = at_;
  const std::string name = identifier("an attribute");
  const auto spec = std::find_if(op.attributes.begin(), op.attributes.end(),
                                 [&](const AttributeSpec& spec) { return spec.name == name; });
  if (spec == op.attributes.end()) {
    fail_at(start, fmt::format("{} has no attribute \"{}\"", op.name, name));
  }
  expect("=");
  into.set(name, attribute(spec->kind));
}

Tensor TextReader::constant(const TensorType& type) {
  const std::size_t start = at_;
  std::vector<std::string> words;
  const auto item = [&] { words.push_back(word("an element")); };
  next_is('[') ? list("[", "]", item) : item();
  return located(start, [&] { return parse_elements(type, words); });
}

void TextReader::fail(std::string_view expected) const {
  const std::string_view rest = text_.substr(at_, text_.substr(at_).find_first_of(" \t\r\n"));
  constexpr std::size_t shown_max = 24;
  fail_at(at_, fmt::format("expected {}: {}", expected,
                           rest.empty() ? "the text ends"
                                        : fmt::format("\"{}\"", rest.substr(0, shown_max))));
}

void TextReader::fail_at(std::size_t place, const Error& error) const {
  fail_at(place, error.what());
}

void TextReader::fail_at(std::size_t place, std::string_view message) const {
  const std::string_view before = text_.substr(0, place);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_start = before.rfind('\n');  // npos + 1 is 0.
  throw invalid("line {}, column {}: {}", line, place - (line_start + 1) + 1, message);
}

}  // namespace paceline
