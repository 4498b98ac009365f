#include "worker/measure/further_inputs.h"

#include "common/base/random.h"

namespace paceline {
namespace {

// Exact in every dtype of floats, but for the smallest numbers.
constexpr double quarter = 0.25;

Tensor resampled(const Tensor& given, double scale, Random& random) {
  const std::int64_t count = given.element_count();
  const bool has_floats = is_float(given.dtype());
  Tensor values = given.cast(has_floats ? Dtype::f64 : Dtype::i64);
  const Tensor from = values.clone();
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t drawn = random.below(count);
    if (has_floats) {
      values.as<double>()[i] = scale * from.as<double>()[drawn];
    } else {
      values.as<std::int64_t>()[i] = from.as<std::int64_t>()[drawn];
    }
  }
  return values.cast(given.dtype());
}

}  // namespace

std::vector<InputSet> further_inputs(const InputSet& given, std::uint64_t seed) {
  std::vector<InputSet> sets;
  Random random(seed);
  for (const double scale : {1.0, quarter}) {
    InputSet& set = sets.emplace_back();
    for (const auto& [name, tensor] : given) {
      set.emplace(name, resampled(tensor, scale, random));
    }
  }
  return sets;
}

}  // namespace paceline
