#include <cmath>

#include "common/base/error.h"
#include "common/ops/support/elementwise.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

double remainder(double a, double b) {
  const double rest = std::fmod(a, b);
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

std::int64_t remainder(std::int64_t a, std::int64_t b) {
  if (b == 0) throw invalid("mod: integer division by zero: {} / 0", a);
  if (b == -1) return 0;
  const std::int64_t rest = a % b;
  return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

}  // namespace

Op mod() {
  return binary({
      .on_floats = remainder,
      .on_integers = remainder,
      .domains = {any_value, between(1, 5)},
  });
}

}  // namespace paceline::ops
