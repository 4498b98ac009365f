#include "common/ops/support/arg_extremum.h"

namespace paceline::ops {

Op argmax() { return arg_extremum("argmax", Extremum::largest); }

}  // namespace paceline::ops
