#include "common/graph/dim.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/base/error.h"

namespace paceline {
namespace {

// Bounds on what a hostile text can ask for; real graphs stay far below.
constexpr std::size_t degree_max = 32;
constexpr std::size_t terms_max = 4096;
constexpr int nesting_max = 64;

std::int64_t add_checked(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) throw invalid("dim overflows 64 bits: {} + {}", a, b);
  return sum;
}

std::int64_t multiply_checked(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) {
    throw invalid("dim overflows 64 bits: {} * {}", a, b);
  }
  return product;
}

using Monomial = std::vector<std::string>;

// Graded: higher degree first, then alphabetical. A monomial order (multiplication keeps it), so
// division may work from the front, and the order in which people write polynomials.
bool before(const Monomial& a, const Monomial& b) {
  return a.size() != b.size() ? a.size() > b.size() : a < b;
}

Monomial multiply(const Monomial& a, const Monomial& b) {
  Monomial product;
  if (a.size() + b.size() > degree_max) {
    throw invalid("dim has a degree above {}: {}", degree_max, a.size() + b.size());
  }
  product.reserve(a.size() + b.size());
  std::merge(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(product));
  return product;
}

std::optional<Monomial> divide(const Monomial& a, const Monomial& b) {
  if (!std::includes(a.begin(), a.end(), b.begin(), b.end())) return std::nullopt;
  Monomial quotient;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(quotient));
  return quotient;
}

bool starts_symbol(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool continues_symbol(char c) {
  return starts_symbol(c) || std::isdigit(static_cast<unsigned char>(c));
}

// sum := ['-'] product (('+' | '-') product)*; product := factor ('*' factor)*
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Dim parse() {
    Dim dim = sum();
    if (peek() != '\0') fail("an operator");
    return dim;
  }

 private:
  Dim sum() {
    Dim total = take('-') ? Dim(0) - product() : product();
    for (;;) {
      if (take('+')) {
        total += product();
      } else if (take('-')) {
        total = total - product();
      } else {
        return total;
      }
    }
  }

  Dim product() {
    Dim result = factor();
    while (take('*')) result *= factor();
    return result;
  }

  Dim factor() {
    const char c = peek();
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    if (starts_symbol(c)) return symbol();
    if (!take('(')) fail("a number, a symbol or '('");
    if (++nesting_ > nesting_max) fail("fewer nested parentheses");
    Dim inner = sum();
    if (!take(')')) fail("')'");
    --nesting_;
    return inner;
  }

  Dim number() {
    std::int64_t value = 0;
    const auto [stop, status] =
        std::from_chars(text_.data() + place_, text_.data() + text_.size(), value);
    if (status != std::errc()) fail("a number below 2^63");
    place_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }

  Dim symbol() {
    const std::size_t start = place_;
    while (place_ < text_.size() && continues_symbol(text_[place_])) ++place_;
    return Dim::symbol(text_.substr(start, place_ - start));
  }

  char peek() {
    while (place_ < text_.size() && (text_[place_] == ' ' || text_[place_] == '\t')) ++place_;
    return place_ < text_.size() ? text_[place_] : '\0';
  }

  bool take(char c) {
    if (peek() != c) return false;
    ++place_;
    return true;
  }

  [[noreturn]] void fail(std::string_view expected) const {
    throw invalid("dim does not parse, expected {} at column {}: \"{}\"", expected, place_ + 1,
                  text_);
  }

  std::string_view text_;
  std::size_t place_ = 0;
  int nesting_ = 0;
};

}  // namespace

Dim::Dim(Terms terms) {
  if (terms.empty()) return;
  if (terms.size() == 1 && terms.front().first.empty()) {
    constant_ = terms.front().second;
  } else {
    terms_ = std::make_shared<const Terms>(std::move(terms));
  }
}

Dim::Terms Dim::terms() const {
  if (terms_) return *terms_;
  return constant_ == 0 ? Terms() : Terms{{Monomial{}, constant_}};
}

Dim Dim::symbol(std::string_view name) {
  if (name.empty() || !starts_symbol(name.front()) ||
      !std::ranges::all_of(name, continues_symbol)) {
    throw invalid("a symbol is letters, digits and _, and starts with no digit: \"{}\"", name);
  }
  return Dim(Terms{{Monomial{std::string(name)}, 1}});
}

Dim Dim::parse(std::string_view text) { return Parser(text).parse(); }

std::strong_ordering operator<=>(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) {
    const bool differ = (a.constant_ == 0) != (b.constant_ == 0);  // 0 has no terms.
    return differ ? (a.constant_ != 0) <=> (b.constant_ != 0) : a.constant_ <=> b.constant_;
  }
  return a.terms() <=> b.terms();
}

std::set<std::string> Dim::symbols() const {
  std::set<std::string> found;
  if (!terms_) return found;
  for (const auto& [monomial, coefficient] : *terms_)
    found.insert(monomial.begin(), monomial.end());
  return found;
}

std::int64_t Dim::evaluate(const Bindings& bindings) const {
  std::int64_t total = constant_;
  if (!terms_) return total;
  for (const auto& [monomial, coefficient] : *terms_) {
    std::int64_t product = coefficient;
    for (const std::string& symbol : monomial) {
      const auto bound = bindings.find(symbol);
      if (bound == bindings.end()) {
        throw invalid("symbol is not bound, bind it as in {}=128: {}", symbol, symbol);
      }
      if (bound->second < 0) {
        throw invalid("symbol must be 0 or more: {}={}", symbol, bound->second);
      }
      product = multiply_checked(product, bound->second);
    }
    total = add_checked(total, product);
  }
  return total;
}

Dim Dim::substitute(const std::map<std::string, Dim, std::less<>>& replacements) const {
  if (!terms_) return *this;
  Dim total;
  for (const auto& [monomial, coefficient] : *terms_) {
    Dim product = coefficient;
    for (const std::string& symbol : monomial) {
      const auto found = replacements.find(symbol);
      product *= found == replacements.end() ? Dim::symbol(symbol) : found->second;
    }
    total += product;
  }
  return total;
}

// Long division; the front term of what remains can only be cancelled by the divisor's front term.
std::optional<Dim> Dim::divide_exactly(const Dim& divisor) const {
  const Terms by = divisor.terms();
  if (by.empty()) return std::nullopt;
  const std::int64_t front = by.front().second;
  Dim quotient;
  for (Dim rest = *this; rest != 0;) {
    const auto [monomial, coefficient] = rest.terms().front();
    const auto shared = paceline::divide(monomial, by.front().first);
    if (!shared) return std::nullopt;
    // The smallest number over -1 does not fit.
    if (front == -1 ? coefficient == INT64_MIN : coefficient % front != 0) return std::nullopt;
    const Dim step(Terms{{*shared, coefficient / front}});
    quotient += step;
    rest = rest - step * divisor;
  }
  return quotient;
}

Dim::Terms Dim::sum(const Terms& a, const Terms& b) {
  Terms sum;
  sum.reserve(a.size() + b.size());
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() && right != b.end()) {
    if (before(left->first, right->first)) {
      sum.push_back(*left++);
    } else if (before(right->first, left->first)) {
      sum.push_back(*right++);
    } else {
      const std::int64_t coefficient = add_checked(left->second, right->second);
      if (coefficient != 0) sum.emplace_back(left->first, coefficient);
      ++left, ++right;
    }
  }
  sum.insert(sum.end(), left, a.end());
  sum.insert(sum.end(), right, b.end());
  if (sum.size() > terms_max) {
    throw invalid("dim has more than {} terms: {}", terms_max, sum.size());
  }
  return sum;
}

Dim operator+(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return add_checked(a.constant_, b.constant_);
  if (a == 0) return b;
  if (b == 0) return a;
  return Dim(Dim::sum(a.terms(), b.terms()));
}

Dim operator-(const Dim& a, const Dim& b) {
  Dim::Terms negated = b.terms();
  for (auto& [monomial, coefficient] : negated) {
    coefficient = multiply_checked(coefficient, -1);
  }
  return a + Dim(std::move(negated));
}

Dim operator*(const Dim& a, const Dim& b) {
  if (a.is_constant() && b.is_constant()) return multiply_checked(a.constant_, b.constant_);
  if (a == 1) return b;
  if (b == 1) return a;
  const Dim::Terms right_terms = b.terms();
  Dim::Terms product;
  for (const auto& [left, left_coefficient] : a.terms()) {
    Dim::Terms row;  // One term times b keeps the order of b.
    row.reserve(right_terms.size());
    for (const auto& [right, right_coefficient] : right_terms) {
      row.emplace_back(multiply(left, right),
                       multiply_checked(left_coefficient, right_coefficient));
    }
    product = Dim::sum(product, row);
  }
  return Dim(std::move(product));
}

std::string Dim::to_string() const {
  if (!terms_) return fmt::format_int(constant_).str();
  std::string text;
  for (const auto& [monomial, coefficient] : *terms_) {
    if (coefficient > 0 && !text.empty()) text += '+';
    if (monomial.empty()) {
      text += fmt::format("{}", coefficient);
      continue;
    }
    if (coefficient == -1) {
      text += '-';
    } else if (coefficient != 1) {
      text += fmt::format("{}*", coefficient);
    }
    text += fmt::format("{}", fmt::join(monomial, "*"));
  }
  return text;
}

}  // namespace paceline
