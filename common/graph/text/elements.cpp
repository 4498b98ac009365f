#include "common/graph/text/elements.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "common/base/error.h"

namespace paceline {

namespace {

constexpr std::string_view bits_prefix = "0x";

template <typename T>
constexpr bool is_half = std::is_same_v<T, Float16> || std::is_same_v<T, Bfloat16>;

// The type whose decimal form is shortest and exact.
template <typename T>
using Printed = std::conditional_t<is_half<T>, float, T>;

template <std::size_t size>
using Bits = std::conditional_t<size == 8, std::uint64_t,
                                std::conditional_t<size == 4, std::uint32_t, std::uint16_t>>;

template <typename T>
bool same_bits(T a, T b) {
  return std::memcmp(&a, &b, sizeof(T)) == 0;
}

template <typename Number>
Number parse_number(std::string_view word) {
  Number number{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error == std::errc::result_out_of_range) throw invalid("number out of range: \"{}\"", word);
  if (error != std::errc() || end != word.data() + word.size()) {
    throw invalid("expected a number: \"{}\"", word);
  }
  return number;
}

template <typename T>
T parse_float(std::string_view word) {
  if (word == "nan") return T(std::numeric_limits<Printed<T>>::quiet_NaN());
  if (!word.starts_with(bits_prefix)) return T(parse_number<Printed<T>>(word));
  Bits<sizeof(T)> bits = 0;
  const std::string_view digits = word.substr(bits_prefix.size());
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw invalid("expected hexadecimal bits: \"{}\"", word);
  }
  return std::bit_cast<T>(bits);
}

template <typename T>
T parse_element(std::string_view word) {
  if constexpr (std::is_same_v<T, bool>) {
    if (word != "true" && word != "false") throw invalid("expected true or false: \"{}\"", word);
    return word == "true";
  } else if constexpr (std::is_integral_v<T>) {
    return parse_number<T>(word);
  } else {
    return parse_float<T>(word);
  }
}

template <typename T>
std::string element_text(T element) {
  if constexpr (std::is_same_v<T, bool>) {
    return element ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    return fmt::format("{}", element);
  } else {
    const auto printed = static_cast<Printed<T>>(element);
    if (!std::isnan(printed)) return fmt::format("{}", printed);
    if (same_bits(element, T(std::numeric_limits<Printed<T>>::quiet_NaN()))) return "nan";
    return fmt::format("{}{:x}", bits_prefix, std::bit_cast<Bits<sizeof(T)>>(element));
  }
}

}  // namespace

double parse_real(std::string_view word) { return parse_float<double>(word); }

std::string elements_text(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<typename T>(std::type_identity<T>) {
    const T* elements = tensor.as<T>();
    if (tensor.extents().empty()) return element_text(elements[0]);
    std::string text = "[";
    for (std::int64_t i = 0; i < tensor.element_count(); ++i) {
      if (i > 0) text += ",";
      text += element_text(elements[i]);
    }
    return text + "]";
  });
}

Tensor parse_elements(const TensorType& type, const std::vector<std::string>& words) {
  const Extents extents = evaluate(type.shape, {});
  if (element_count(extents) != static_cast<std::int64_t>(words.size())) {
    throw invalid("{} has {} elements: got {}", type.to_string(), element_count(extents),
                  words.size());
  }
  Tensor tensor(type.dtype, extents);
  visit_dtype(type.dtype, [&]<typename T>(std::type_identity<T>) {
    for (std::size_t i = 0; i < words.size(); ++i) tensor.as<T>()[i] = parse_element<T>(words[i]);
  });
  return tensor;
}

}  // namespace paceline
