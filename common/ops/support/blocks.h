#pragma once

#include <vector>

#include "common/ops/block_format.h"
#include "common/ops/support/infer.h"

// What ops on blocks of bytes share.
namespace paceline::ops {

const BlockFormat& block_format(const Attributes& attributes);  // The attribute `format`.

// The extent of the last axis of the blocks' numbers. Throws `invalid` where the operand is no
// whole blocks of bytes. (References hold bytes in 64 bits.)
std::int64_t elements_of_blocks(const BlockFormat& format, const TensorType& blocks);

// The numbers of a row of bytes that stand in 64 bits each.
std::vector<float> dequantized(const BlockFormat& format, const std::int64_t* row,
                               std::int64_t count);

// Bytes of which two are a small positive half: what samples of blocks are drawn from.
Sample::Operand drawn_blocks(const BlockFormat& format, Extents elements);

}  // namespace paceline::ops
