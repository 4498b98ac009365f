#include "common/ops/draw.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <utility>

namespace paceline::ops {

namespace {

double draw_real(const Domain& domain, Random& random) {
  switch (domain.kind) {
    case Domain::Kind::normal:
      return random.normal();
    case Domain::Kind::positive:
      return random.uniform(1.0 / 16, 4);
    case Domain::Kind::boolean:
      return static_cast<double>(random.below(2));
    case Domain::Kind::uniform:
      return random.uniform(domain.low, domain.high);
    default:
      return std::floor(random.uniform(domain.low, domain.high));
  }
}

std::int64_t draw_integer(const Domain& domain, bool is_unsigned, Random& random) {
  switch (domain.kind) {
    case Domain::Kind::normal:
      return is_unsigned ? random.below(10) : random.below(19) - 9;
    case Domain::Kind::positive:
      return 1 + random.below(9);
    case Domain::Kind::boolean:
      return random.below(2);
    default:
      break;
  }
  const auto low = static_cast<std::int64_t>(std::ceil(domain.low));
  const auto high = static_cast<std::int64_t>(std::ceil(domain.high));
  return low + random.below(high - low);
}

// Each row along the last axis is the start of a shuffled [low, high).
void draw_distinct(const Domain& domain, Tensor& wide, Random& random) {
  const auto low = static_cast<std::int64_t>(domain.low);
  std::vector<std::int64_t> pool(static_cast<std::size_t>(domain.high - domain.low));
  std::iota(pool.begin(), pool.end(), low);
  const std::int64_t row = wide.extents().empty() ? 1 : wide.extents().back();
  check(row <= static_cast<std::int64_t>(pool.size()), "a row has more indices than its domain");
  for (std::int64_t i = 0; i < wide.element_count(); ++i) {
    const std::int64_t at = i % row;
    const auto rest = static_cast<std::int64_t>(pool.size()) - at;
    std::swap(pool[at], pool[at + random.below(rest)]);
    wide.as<std::int64_t>()[i] = pool[at];
  }
}

Tensor draw_reals(const Sample::Operand& operand, Random& random) {
  const std::int64_t count = element_count(operand.extents);
  const bool repeats = count > drawn_reals_max;
  Tensor wide(Dtype::f64, repeats ? Extents{drawn_reals_max} : operand.extents);
  for (std::int64_t i = 0; i < wide.element_count(); ++i) {
    wide.as<double>()[i] = draw_real(operand.domain, random);
  }
  Tensor drawn = wide.cast(operand.dtype);
  if (!repeats) return drawn;
  Tensor whole(operand.dtype, operand.extents);
  const std::size_t block = drawn.size_bytes(), bytes = whole.size_bytes();
  for (std::size_t at = 0; at < bytes; at += block) {
    std::memcpy(static_cast<std::byte*>(whole.data()) + at, drawn.data(),
                std::min(block, bytes - at));
  }
  return whole;
}

}  // namespace

Tensor draw(const Sample::Operand& operand, Random& random) {
  if (is_float(operand.dtype)) return draw_reals(operand, random);
  Tensor wide(Dtype::i64, operand.extents);
  if (operand.domain.kind == Domain::Kind::distinct_index) {
    draw_distinct(operand.domain, wide, random);
    return wide.cast(operand.dtype);
  }
  const Domain coin{.kind = Domain::Kind::boolean};
  const bool is_flag = operand.dtype == Dtype::boolean;
  for (std::int64_t i = 0; i < wide.element_count(); ++i) {
    wide.as<std::int64_t>()[i] =
        draw_integer(is_flag ? coin : operand.domain, operand.dtype == Dtype::u8, random);
  }
  return wide.cast(operand.dtype);
}

std::vector<Tensor> draw(const Sample& sample, Random& random) {
  std::vector<Tensor> tensors;
  for (const Sample::Operand& operand : sample.inputs) tensors.push_back(draw(operand, random));
  return tensors;
}

}  // namespace paceline::ops
