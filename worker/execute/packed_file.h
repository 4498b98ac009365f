#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/digest.h"

// The form of a file of packed weights: a page that says what it holds, then the elements, which so
// begin on a page. Elements are summed in pieces, so that several threads can check one file.
namespace paceline::packed_file {

inline constexpr std::size_t header_bytes = 4096;
inline constexpr std::size_t piece_bytes = std::size_t{4} << 20;

inline std::size_t piece_count(std::size_t bytes) {
  return (bytes + piece_bytes - 1) / piece_bytes;
}
// Of the elements; the last may be shorter.
std::span<const std::byte> piece(std::span<const std::byte> elements, std::size_t index);
// Tells damage, not malice.
std::uint64_t sum_of(std::span<const std::byte> piece);
std::vector<std::uint64_t> sums_of(std::span<const std::byte> elements);

// What stands before elements whose pieces have these sums.
std::array<std::byte, header_bytes> header(const Digest& what, std::size_t bytes,
                                           std::span<const std::uint64_t> sums);
// Why `page`, the first of a file, is not that header, or null.
const char* fault_of(std::span<const std::byte> page, const Digest& what, std::size_t bytes,
                     std::span<const std::uint64_t> sums);

}  // namespace paceline::packed_file
