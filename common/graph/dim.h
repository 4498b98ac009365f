#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace paceline {

// What a run binds the symbols of a graph to: {"N": 128, "past": 0}.
using Bindings = std::map<std::string, std::int64_t, std::less<>>;

// The extent of an axis, an offset or a size: a polynomial with integer coefficients over named
// symbols, which stand for integers >= 0. A value in normal form, so equal polynomials are equal.
// Arithmetic that overflows 64 bits throws `invalid`.
class Dim {
 public:
  Dim() = default;  // 0
  Dim(std::int64_t constant) : constant_(constant) {}
  Dim(int constant) : Dim(static_cast<std::int64_t>(constant)) {}
  static Dim symbol(std::string_view name);  // [A-Za-z_][A-Za-z0-9_]*
  static Dim parse(std::string_view text);   // "2*N*past + 1". Throws `invalid` with the place.

  bool is_constant() const { return terms_ == nullptr; }
  std::optional<std::int64_t> constant() const {  // The value, when no symbol is in it.
    return is_constant() ? std::optional(constant_) : std::nullopt;
  }
  std::set<std::string> symbols() const;
  // Throws `invalid` naming the first symbol that `bindings` lacks.
  std::int64_t evaluate(const Bindings& bindings) const;
  Dim substitute(const std::map<std::string, Dim, std::less<>>& replacements) const;

  // The quotient when the division leaves no remainder for every value of the symbols.
  std::optional<Dim> divide_exactly(const Dim& divisor) const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  Dim& operator+=(const Dim& other) { return *this = *this + other; }
  Dim& operator*=(const Dim& other) { return *this = *this * other; }
  friend bool operator==(const Dim& a, const Dim& b) {
    if (a.terms_ == b.terms_) return a.constant_ == b.constant_;
    return a.terms_ && b.terms_ && *a.terms_ == *b.terms_;
  }
  // Any total order, the same on every machine; says nothing of the values.
  friend std::strong_ordering operator<=>(const Dim& a, const Dim& b);

  std::string to_string() const;  // Parses back: "2*N*past+1", "-N+3".

 private:
  // Symbols sorted, repeated for powers: N*N*past is {"N", "N", "past"}. The constant's is empty.
  using Monomial = std::vector<std::string>;
  using Terms = std::vector<std::pair<Monomial, std::int64_t>>;  // Sorted, no coefficient is zero.

  explicit Dim(Terms terms);
  Terms terms() const;
  static Terms sum(const Terms& a, const Terms& b);

  // Most dims are constants, which cost no memory; the terms of the others are shared by copies.
  std::int64_t constant_ = 0;  // 0 where there are terms.
  std::shared_ptr<const Terms> terms_;
};

}  // namespace paceline
