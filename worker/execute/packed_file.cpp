#include "worker/execute/packed_file.h"

#include <algorithm>
#include <cstring>

namespace paceline::packed_file {

namespace {

struct Header {
  char magic[16] = "paceline packed";
  std::uint64_t version = 2;
  Digest what;
  std::uint64_t bytes = 0;
  std::uint64_t sum = 0;  // Of the pieces' sums.
};
static_assert(sizeof(Header) <= header_bytes);

constexpr std::uint64_t prime = 0x100000001b3, start = 0xcbf29ce484222325;

}  // namespace

std::span<const std::byte> piece(std::span<const std::byte> elements, std::size_t index) {
  const std::size_t at = index * piece_bytes;
  return elements.subspan(at, std::min(piece_bytes, elements.size() - at));
}

// FNV-1a over 64-bit words, in eight lanes so that it keeps up with memory.
std::uint64_t sum_of(std::span<const std::byte> piece) {
  std::array<std::uint64_t, 8> lanes;
  for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = start + i;
  std::size_t at = 0;
  for (; at + sizeof lanes <= piece.size(); at += sizeof lanes) {
    std::array<std::uint64_t, 8> words;
    std::memcpy(words.data(), piece.data() + at, sizeof words);
    for (std::size_t i = 0; i < lanes.size(); ++i) lanes[i] = (lanes[i] ^ words[i]) * prime;
  }
  std::uint64_t sum = start;
  for (; at < piece.size(); ++at) sum = (sum ^ static_cast<std::uint64_t>(piece[at])) * prime;
  for (const std::uint64_t lane : lanes) sum = (sum ^ lane) * prime;
  return sum;
}

std::vector<std::uint64_t> sums_of(std::span<const std::byte> elements) {
  std::vector<std::uint64_t> sums(piece_count(elements.size()));
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = sum_of(piece(elements, i));
  return sums;
}

std::array<std::byte, header_bytes> header(const Digest& what, std::size_t bytes,
                                           std::span<const std::uint64_t> sums) {
  const Header header{.what = what, .bytes = bytes, .sum = sum_of(std::as_bytes(sums))};
  std::array<std::byte, header_bytes> page{};
  std::memcpy(page.data(), &header, sizeof header);
  return page;
}

const char* fault_of(std::span<const std::byte> page, const Digest& what, std::size_t bytes,
                     std::span<const std::uint64_t> sums) {
  Header found;
  std::memcpy(static_cast<void*>(&found), page.data(), sizeof found);
  const Header wanted;
  if (std::memcmp(found.magic, wanted.magic, sizeof wanted.magic) != 0) return "no packed weight";
  if (found.version != wanted.version) return "another version";
  if (found.what != what || found.bytes != bytes) return "another weight";
  if (found.sum != sum_of(std::as_bytes(sums))) return "damaged";
  return nullptr;
}

}  // namespace paceline::packed_file
