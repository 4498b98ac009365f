#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace paceline::ops {

// Numbers in blocks of bytes, as GGML lays them out in GGUF files (ggml/src/ggml-common.h): each
// block has codes of a few bits, and scales and offsets for groups of them. Number i of a block is
//
//   scale[i / group] * (code[i] - zero) + offset[i / group]
//
// with codes of at most 8 bits; of scale times code no bit is lost in float.
enum class BlockKind { q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl };

struct BlockFormat {
  BlockKind kind;
  std::string_view name;
  int ggml_type;  // Its number in a file.
  std::int64_t elements;
  std::int64_t bytes;
  std::int64_t group;
  int zero;
  bool has_offsets;

  std::int64_t row_bytes(std::int64_t count) const { return count / elements * bytes; }
  std::int64_t row_elements(std::int64_t row_bytes) const { return row_bytes / bytes * elements; }
};

inline constexpr std::array<BlockFormat, 11> block_formats{{
    {BlockKind::q4_0, "q4_0", 2, 32, 18, 32, 8, false},
    {BlockKind::q4_1, "q4_1", 3, 32, 20, 32, 0, true},
    {BlockKind::q5_0, "q5_0", 6, 32, 22, 32, 16, false},
    {BlockKind::q5_1, "q5_1", 7, 32, 24, 32, 0, true},
    {BlockKind::q8_0, "q8_0", 8, 32, 34, 32, 128, false},
    {BlockKind::q2_k, "q2_k", 10, 256, 84, 16, 0, true},
    {BlockKind::q3_k, "q3_k", 11, 256, 110, 16, 4, false},
    {BlockKind::q4_k, "q4_k", 12, 256, 144, 32, 0, true},
    {BlockKind::q5_k, "q5_k", 13, 256, 176, 32, 0, true},
    {BlockKind::q6_k, "q6_k", 14, 256, 210, 16, 32, false},
    {BlockKind::iq4_nl, "iq4_nl", 20, 32, 18, 32, 127, false},
}};

inline constexpr std::int64_t block_elements_max = 256;
inline constexpr std::int64_t block_groups_max = 16;

constexpr const BlockFormat& block_format(BlockKind kind) {
  return block_formats[static_cast<std::size_t>(kind)];
}

// Throws `invalid` and lists the formats that are known.
const BlockFormat& block_format(std::string_view name);

// The blocks of `elements` numbers as GGML's reference makes them, q8_0 or q4_0: the same bytes on
// every machine. NaN and infinity have no code: they become a scale that is none either.
void quantize_row(const BlockFormat& format, std::span<const float> elements,
                  std::span<std::uint8_t> blocks);

}  // namespace paceline::ops
