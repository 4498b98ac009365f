#include "common/ops/support/arg_extremum.h"

namespace paceline::ops {

Op argmin() { return arg_extremum("argmin", Extremum::smallest); }

}  // namespace paceline::ops
