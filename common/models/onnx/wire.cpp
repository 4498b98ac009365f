#include "common/models/onnx/wire.h"

#include <bit>
#include <cstring>

#include "common/base/error.h"

static_assert(std::endian::native == std::endian::little, "protobuf is little-endian");

namespace paceline::onnx {

void Message::fail(std::string_view what) const {
  throw invalid("{}: no sound ONNX file, damaged or cut short: {} at byte {} of {}", source_, what,
                rest_.data() - file_.data(), file_.size());
}

std::uint64_t Message::varint() {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) fail("a number ends early");
    const auto byte = static_cast<std::uint64_t>(rest_.front());
    rest_ = rest_.subspan(1);
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  fail("a number is too long");
}

std::uint64_t Message::fixed(std::size_t bytes) {
  if (rest_.size() < bytes) fail("a number ends early");
  std::uint64_t value = 0;
  std::memcpy(&value, rest_.data(), bytes);
  rest_ = rest_.subspan(bytes);
  return value;
}

bool Message::next(Field& field) {
  if (rest_.empty()) return false;
  const std::uint64_t tag = varint();
  field.value = 0;
  field.bytes = {};
  field.number = static_cast<int>(tag >> 3);
  if (tag >> 3 == 0 || tag >> 3 >= (1u << 29)) fail("a field has no number");
  switch (tag & 7) {
    case 0:
      field.kind = Field::Kind::varint;
      field.value = varint();
      return true;
    case 1:
      field.kind = Field::Kind::fixed64;
      field.value = fixed(8);
      return true;
    case 2: {
      field.kind = Field::Kind::bytes;
      const std::uint64_t size = varint();
      if (size > rest_.size()) fail("a field is longer than its message");
      field.bytes = rest_.first(size);
      rest_ = rest_.subspan(size);
      return true;
    }
    case 5:
      field.kind = Field::Kind::fixed32;
      field.value = fixed(4);
      return true;
    default:
      fail("a field is of no known kind");
  }
}

void Message::expect(const Field& field, Field::Kind kind) const {
  if (field.kind == kind) return;
  throw invalid("{}: no sound ONNX file: field {} is of another kind than the format says", source_,
                field.number);
}

Message Message::message(const Field& field) const { return {bytes(field), file_, source_}; }

std::span<const std::byte> Message::bytes(const Field& field) const {
  expect(field, Field::Kind::bytes);
  return field.bytes;
}

std::string Message::text(const Field& field) const {
  const auto text = bytes(field);
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::int64_t Message::integer(const Field& field) const {
  expect(field, Field::Kind::varint);
  return static_cast<std::int64_t>(field.value);
}

float Message::real(const Field& field) const {
  expect(field, Field::Kind::fixed32);
  return std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
}

void Message::integers(const Field& field, std::vector<std::int64_t>& into) const {
  if (field.kind == Field::Kind::varint) {
    into.push_back(static_cast<std::int64_t>(field.value));
    return;
  }
  Message packed = message(field);
  while (!packed.rest_.empty()) into.push_back(static_cast<std::int64_t>(packed.varint()));
}

void Message::reals(const Field& field, std::size_t element_bytes,
                    std::vector<std::byte>& into) const {
  if (field.kind == Field::Kind::bytes) {
    if (field.bytes.size() % element_bytes != 0) fail("packed numbers end early");
    into.insert(into.end(), field.bytes.begin(), field.bytes.end());
    return;
  }
  expect(field, element_bytes == 4 ? Field::Kind::fixed32 : Field::Kind::fixed64);
  const auto* first = reinterpret_cast<const std::byte*>(&field.value);
  into.insert(into.end(), first, first + element_bytes);
}

}  // namespace paceline::onnx
