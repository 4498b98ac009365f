#include "tests/support/draw.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace paceline::test {
namespace {

double draw_one(const Domain& domain, Dtype dtype, Random& random) {
  switch (domain.kind) {
    case Domain::Kind::uniform:
      return random.uniform(domain.low, domain.high);
    case Domain::Kind::positive:
      return 0.1 + std::abs(random.normal());
    case Domain::Kind::index:
    case Domain::Kind::distinct_index:
      return std::floor(random.uniform(domain.low, domain.high));
    case Domain::Kind::boolean:
      return static_cast<double>(random.below(2));
    case Domain::Kind::normal:
      break;
  }
  if (dtype == Dtype::boolean) return static_cast<double>(random.below(2));
  if (is_float(dtype)) return random.normal();
  const double number = std::clamp(std::round(2 * random.normal()), -4.0, 4.0);
  return dtype == Dtype::u8 ? std::abs(number) : number;
}

// Each line along the last axis holds different numbers below `bound`: the start of a shuffle.
void draw_distinct(std::vector<double>& elements, std::int64_t line, std::int64_t bound,
                   Random& random) {
  std::vector<double> numbers(bound);
  for (std::size_t first = 0; first < elements.size(); first += line) {
    std::iota(numbers.begin(), numbers.end(), 0);
    for (std::int64_t i = 0; i < line; ++i) {
      std::swap(numbers[i], numbers[i + random.below(bound - i)]);
      elements[first + i] = numbers[i];
    }
  }
}

}  // namespace

Tensor draw(const Sample::Operand& operand, Random& random) {
  std::vector<double> elements(element_count(operand.extents));
  if (operand.domain.kind == Domain::Kind::distinct_index && !elements.empty()) {
    const std::int64_t line = operand.extents.empty() ? 1 : operand.extents.back();
    draw_distinct(elements, line, static_cast<std::int64_t>(operand.domain.high), random);
  } else {
    for (double& element : elements) element = draw_one(operand.domain, operand.dtype, random);
  }
  return Tensor::of<double>(operand.extents, elements).cast(operand.dtype);
}

std::vector<Tensor> draw_inputs(const Sample& sample, std::uint64_t seed) {
  Random random(seed);
  std::vector<Tensor> inputs;
  for (const auto& operand : sample.inputs) inputs.push_back(draw(operand, random));
  return inputs;
}

}  // namespace paceline::test
