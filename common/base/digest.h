#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace paceline {

// 128 bits that name a thing: of its content (BLAKE2b, equal content has an equal digest on every
// machine and in every version), or drawn at random for things that happen once (a measurement, a
// lease). Written as 32 lower-case hexadecimal digits.
struct Digest {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const Digest&, const Digest&) = default;
  bool is_zero() const { return *this == Digest{}; }

  std::string to_string() const;
  static std::optional<Digest> parse(std::string_view hex);
  static Digest random();  // From the system's generator. Any thread.
};

// Feeds typed fields to BLAKE2b. Every field is preceded by its length or has a fixed one, so that
// ("ab", "c") and ("a", "bc") differ. Integers are little-endian, doubles by their bits.
class Hasher {
 public:
  // `domain` separates things of different type with equal fields: "workload/1".
  explicit Hasher(std::string_view domain);
  ~Hasher();
  Hasher(const Hasher&) = delete;
  Hasher& operator=(const Hasher&) = delete;

  Hasher& add(std::string_view text);
  Hasher& add(const char* text) { return add(std::string_view(text)); }
  Hasher& add(std::int64_t number);
  Hasher& add(int number) { return add(static_cast<std::int64_t>(number)); }
  Hasher& add(std::size_t number) { return add(static_cast<std::int64_t>(number)); }
  Hasher& add(bool value) { return add(static_cast<std::int64_t>(value)); }
  Hasher& add(double number);
  Hasher& add(const Digest& digest);
  Hasher& add_bytes(std::span<const std::byte> bytes);

  Digest finish();  // Once.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paceline

template <>
struct std::hash<paceline::Digest> {
  std::size_t operator()(const paceline::Digest& digest) const noexcept {
    std::size_t value;
    static_assert(sizeof(value) <= sizeof(digest.bytes));
    __builtin_memcpy(&value, digest.bytes.data(), sizeof(value));
    return value;
  }
};
