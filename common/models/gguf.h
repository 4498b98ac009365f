#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/graph/tensor.h"
#include "common/ops/block_format.h"

namespace paceline {

// The content of one GGUF file (versions 2 and 3, little-endian; ggml/docs/gguf.md).
struct Gguf {
  // Lists of text stay bytes of the file: vocabularies are long, and models do not need them.
  struct Texts {
    std::uint64_t count = 0;
    friend bool operator==(const Texts&, const Texts&) = default;
  };
  using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>,
                             std::vector<double>, Texts>;
  struct Entry {
    // Elements as they are, or bytes u8[..., bytes of a row] where `blocks` says how they read.
    Tensor tensor;
    const ops::BlockFormat* blocks = nullptr;
    Extents extents;  // Of the numbers; the last axis is the fastest.
  };

  std::string source;  // Names the file in messages.
  std::map<std::string, Value, std::less<>> metadata;
  std::map<std::string, Entry, std::less<>> tensors;

  bool has(std::string_view key) const { return metadata.contains(key); }
  // Throw `invalid` when the key is missing or holds something else.
  std::int64_t integer(std::string_view key) const;
  double number(std::string_view key) const;
  const std::string& text(std::string_view key) const;
};

// Maps the file: tensors are views of it and keep it mapped. Only one that starts at no multiple of
// its element size is copied.
//
// Throws `invalid` with the path, the name, the byte offset and the offending values for what the
// format does not allow: cut short, counts or lengths beyond the file, a name twice, an unknown
// type of value, rows that are no whole blocks, offsets out of range or unaligned, tensors that
// overlap; `unsupported` for tensors of types that are known and not read here, naming all of them.
Gguf read_gguf(const std::filesystem::path& path);

// The same of bytes that `owner` keeps alive.
Gguf parse_gguf(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                std::string_view source);

}  // namespace paceline
