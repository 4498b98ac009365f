#include "common/base/digest.h"

#include <bit>
#include <cstring>

#include <sodium.h>

#include "common/base/error.h"

namespace paceline {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void start_sodium() {
  static const bool started = sodium_init() >= 0;
  check(started, "sodium_init");
}

std::array<std::uint8_t, 8> little_endian(std::uint64_t number) {
  std::array<std::uint8_t, 8> bytes;
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(number);
    number >>= 8;
  }
  return bytes;
}

}  // namespace

std::string Digest::to_string() const {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
  return text;
}

std::optional<Digest> Digest::parse(std::string_view hex) {
  Digest digest;
  if (hex.size() != 2 * digest.bytes.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
    const std::size_t high = hex_digits.find(hex[2 * i]);
    const std::size_t low = hex_digits.find(hex[2 * i + 1]);
    if (high == hex_digits.npos || low == hex_digits.npos) return std::nullopt;
    digest.bytes[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return digest;
}

Digest Digest::random() {
  start_sodium();
  Digest digest;
  randombytes_buf(digest.bytes.data(), digest.bytes.size());
  return digest;
}

// Fields are short and many: they are gathered before libsodium is called.
struct Hasher::State {
  crypto_generichash_state hash;
  std::array<std::uint8_t, 512> gathered;
  std::size_t count = 0;

  void update(std::span<const std::uint8_t> bytes) {
    if (bytes.size() > gathered.size() - count) flush();
    if (bytes.size() > gathered.size()) {
      crypto_generichash_update(&hash, bytes.data(), bytes.size());
      return;
    }
    if (!bytes.empty()) std::memcpy(gathered.data() + count, bytes.data(), bytes.size());
    count += bytes.size();
  }

  void flush() {
    crypto_generichash_update(&hash, gathered.data(), count);
    count = 0;
  }
};

Hasher::Hasher(std::string_view domain) : state_(std::make_unique_for_overwrite<State>()) {
  start_sodium();
  crypto_generichash_init(&state_->hash, nullptr, 0, sizeof(Digest::bytes));
  add(domain);
}

Hasher::~Hasher() = default;

Hasher& Hasher::add(std::string_view text) { return add_bytes(std::as_bytes(std::span(text))); }

Hasher& Hasher::add(std::int64_t number) {
  state_->update(little_endian(static_cast<std::uint64_t>(number)));
  return *this;
}

Hasher& Hasher::add(double number) { return add(std::bit_cast<std::int64_t>(number)); }

Hasher& Hasher::add(const Digest& digest) {
  state_->update(digest.bytes);
  return *this;
}

Hasher& Hasher::add_bytes(std::span<const std::byte> bytes) {
  add(bytes.size());
  state_->update({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  return *this;
}

Digest Hasher::finish() {
  Digest digest;
  state_->flush();
  crypto_generichash_final(&state_->hash, digest.bytes.data(), digest.bytes.size());
  return digest;
}

}  // namespace paceline
