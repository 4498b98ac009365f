#include "common/ops/block_format.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "common/base/error.h"
#include "common/graph/half.h"

namespace paceline::ops {

namespace {

void put_scale(float scale, std::uint8_t* to) {
  const Float16 half(scale);
  std::memcpy(to, &half, sizeof(half));
}

// The largest magnitude with its sign, the first of equals; NaN where there is one.
float extreme_of(std::span<const float> elements) {
  float extreme = 0;
  for (const float x : elements) {
    if (std::isnan(x)) return x;
    if (std::abs(x) > std::abs(extreme)) extreme = x;
  }
  return extreme;
}

// 0 where there is none: one over a subnormal scale may be infinite.
float inverse_of(float scale) { return std::isnormal(scale) ? 1 / scale : 0; }

void quantize_q8_0(std::span<const float> elements, std::uint8_t* to) {
  const float scale = std::abs(extreme_of(elements)) / 127;
  const float inverse = inverse_of(scale);
  put_scale(scale, to);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const float code = std::isfinite(elements[i]) ? std::round(elements[i] * inverse) : 0;
    to[2 + i] = static_cast<std::uint8_t>(static_cast<std::int8_t>(code));
  }
}

void quantize_q4_0(std::span<const float> elements, std::uint8_t* to) {
  const float scale = extreme_of(elements) / -8;
  const float inverse = inverse_of(scale);
  put_scale(scale, to);
  const auto code = [&](std::size_t i) {
    if (!std::isfinite(elements[i])) return 8;
    return std::min(15, static_cast<int>(elements[i] * inverse + 8.5f));
  };
  for (std::size_t i = 0; i < 16; ++i) {
    to[2 + i] = static_cast<std::uint8_t>(code(i) | code(i + 16) << 4);
  }
}

}  // namespace

const BlockFormat& block_format(std::string_view name) {
  std::string known;
  for (const BlockFormat& format : block_formats) {
    if (format.name == name) return format;
    known += known.empty() ? "" : ", ";
    known += format.name;
  }
  throw invalid("format must be one of {}: {}", known, name);
}

void quantize_row(const BlockFormat& format, std::span<const float> elements,
                  std::span<std::uint8_t> blocks) {
  const auto count = static_cast<std::size_t>(format.elements);
  check(elements.size() % count == 0 &&
            blocks.size() == elements.size() / count * static_cast<std::size_t>(format.bytes),
        "a row is whole blocks");
  std::uint8_t* to = blocks.data();
  for (; !elements.empty(); elements = elements.subspan(count), to += format.bytes) {
    const auto own = elements.first(count);
    format.kind == BlockKind::q8_0 ? quantize_q8_0(own, to) : quantize_q4_0(own, to);
  }
}

}  // namespace paceline::ops
