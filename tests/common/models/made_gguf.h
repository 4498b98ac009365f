#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/models/gguf.h"

namespace paceline::test {

// Writes a GGUF file as its specification says, value by value, so that tests can also write what
// it forbids.
class MadeGguf {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  MadeGguf& text(std::string_view key, std::string_view value) {
    start(key, 8);
    put_text(metadata_, value);
    return *this;
  }
  MadeGguf& u32(std::string_view key, std::uint32_t value) { return scalar(key, 4, value); }
  MadeGguf& f32(std::string_view key, float value) { return scalar(key, 6, value); }
  MadeGguf& boolean(std::string_view key, std::uint8_t value) { return scalar(key, 7, value); }
  template <typename T>
  MadeGguf& scalar(std::string_view key, std::uint32_t kind, T value) {
    start(key, kind);
    put(metadata_, value);
    return *this;
  }
  template <typename T>
  MadeGguf& list(std::string_view key, std::uint32_t kind, const std::vector<T>& values) {
    start(key, 9);
    put(metadata_, kind);
    put(metadata_, std::uint64_t{values.size()});
    for (const T& value : values) put(metadata_, value);
    return *this;
  }
  MadeGguf& texts(std::string_view key, const std::vector<std::string>& values) {
    start(key, 9);
    put(metadata_, std::uint32_t{8});
    put(metadata_, std::uint64_t{values.size()});
    for (const std::string& value : values) put_text(metadata_, value);
    return *this;
  }

  // `extents` as we write them, the fastest last.
  MadeGguf& tensor(std::string_view name, std::uint32_t type, const Extents& extents,
                   std::string_view bytes) {
    announce(name, type, extents, data_.size());
    data_ += bytes;
    data_.resize((data_.size() + alignment - 1) / alignment * alignment);
    return *this;
  }
  MadeGguf& floats(std::string_view name, const Extents& extents,
                   const std::vector<float>& elements) {
    return tensor(name, 0, extents,
                  {reinterpret_cast<const char*>(elements.data()), 4 * elements.size()});
  }
  // Without data of its own.
  MadeGguf& announce(std::string_view name, std::uint32_t type, const Extents& extents,
                     std::uint64_t offset) {
    ++tensors_;
    put_text(announced_, name);
    put(announced_, static_cast<std::uint32_t>(extents.size()));
    for (std::size_t i = extents.size(); i-- > 0;) put(announced_, extents[i]);
    put(announced_, type);
    put(announced_, offset);
    return *this;
  }

  std::string bytes() const {
    std::string file = "GGUF";
    put(file, version);
    put(file, tensors_);
    put(file, entries_);
    file += metadata_ + announced_;
    file.resize((file.size() + alignment - 1) / alignment * alignment);
    return file + data_;
  }

 private:
  template <typename T>
  static void put(std::string& to, T value) {
    to.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  static void put_text(std::string& to, std::string_view text) {
    put(to, std::uint64_t{text.size()});
    to += text;
  }
  void start(std::string_view key, std::uint32_t kind) {
    ++entries_;
    put_text(metadata_, key);
    put(metadata_, kind);
  }

  std::string metadata_, announced_, data_;
  std::uint64_t tensors_ = 0, entries_ = 0;
};

inline Gguf parsed(const std::string& bytes) {
  // Aligned as a map would be.
  auto owner = std::make_shared<std::vector<std::uint64_t>>(bytes.size() / 8 + 1);
  std::memcpy(owner->data(), bytes.data(), bytes.size());
  const auto* first = reinterpret_cast<const std::byte*>(owner->data());
  return parse_gguf({first, bytes.size()}, owner, "made.gguf");
}

}  // namespace paceline::test
