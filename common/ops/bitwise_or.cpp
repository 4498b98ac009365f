#include "common/ops/support/bitwise.h"

namespace paceline::ops {

Op bitwise_or() {
  return bitwise({.function = [](std::int64_t a, std::int64_t b) { return a | b; }});
}

}  // namespace paceline::ops
