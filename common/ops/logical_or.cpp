#include "common/ops/support/elementwise.h"

namespace paceline::ops {

Op logical_or() {
  return logical([](bool a, bool b) { return a || b; });
}

}  // namespace paceline::ops
