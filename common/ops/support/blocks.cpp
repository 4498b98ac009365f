#include "common/ops/support/blocks.h"

#include <algorithm>

#include "common/ops/block_codes.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

const BlockFormat& block_format(const Attributes& attributes) {
  return block_format(attributes.get<std::string>("format"));
}

std::int64_t elements_of_blocks(const BlockFormat& format, const TensorType& blocks) {
  if (blocks.dtype != Dtype::u8 && blocks.dtype != Dtype::i64) {
    throw invalid("blocks must be bytes, u8: {}", blocks.to_string());
  }
  expect_rank(1, blocks);
  const auto bytes = blocks.shape.back().constant();
  if (!bytes || *bytes % format.bytes != 0) {
    throw invalid("the last axis must be whole blocks of {}, of {} bytes each: {}", format.name,
                  format.bytes, blocks.to_string());
  }
  return format.row_elements(*bytes);
}

std::vector<float> dequantized(const BlockFormat& format, const std::int64_t* row,
                               std::int64_t count) {
  const std::int64_t* end = row + format.row_bytes(count);
  const std::vector<std::uint8_t> bytes(row, end);
  std::vector<float> elements(static_cast<std::size_t>(count));
  dequantize_row(format, bytes.data(), count, elements.data());
  return elements;
}

Sample::Operand drawn_blocks(const BlockFormat& format, Extents elements) {
  elements.back() = format.row_bytes(elements.back());
  return {Dtype::u8, std::move(elements), between(0, 60)};
}

}  // namespace paceline::ops
