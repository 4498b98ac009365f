#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paceline::onnx {

// One field of a protobuf message: a varint, 4 or 8 bytes as an integer, or bytes in the file.
struct Field {
  enum class Kind { varint, fixed64, bytes, fixed32 };

  int number = 0;
  Kind kind = Kind::varint;
  std::uint64_t value = 0;
  std::span<const std::byte> bytes;
};

// Walks the fields of one message without copying any of it, so that tensors stay in the mapped
// file and files may be larger than the 2 GB of protobuf's own parsers. Source:
// protobuf.dev/programming-guides/encoding. One thread.
class Message {
 public:
  // `bytes` lie within `file`, whose `source` names it in messages.
  Message(std::span<const std::byte> bytes, std::span<const std::byte> file,
          std::string_view source)
      : rest_(bytes), file_(file), source_(source) {}

  // False at the end. Throws `invalid` with the offset for what is no protobuf message.
  bool next(Field& field);

  // A field as what the format says it is; throws `invalid` when it was written as something else.
  Message message(const Field& field) const;
  std::string text(const Field& field) const;
  std::int64_t integer(const Field& field) const;
  float real(const Field& field) const;
  std::span<const std::byte> bytes(const Field& field) const;
  // Repeated numbers, packed or not: appends what this field holds.
  void integers(const Field& field, std::vector<std::int64_t>& into) const;
  // Repeated floats or doubles as their bytes.
  void reals(const Field& field, std::size_t element_bytes, std::vector<std::byte>& into) const;

  std::string_view source() const { return source_; }
  [[noreturn]] void fail(std::string_view what) const;

 private:
  std::uint64_t varint();
  std::uint64_t fixed(std::size_t bytes);
  void expect(const Field& field, Field::Kind kind) const;

  std::span<const std::byte> rest_;
  std::span<const std::byte> file_;
  std::string_view source_;
};

}  // namespace paceline::onnx
