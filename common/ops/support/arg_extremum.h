#pragma once

#include "common/graph/op.h"

namespace paceline::ops {

enum class Extremum { largest, smallest };

// argmax and argmin: the index along `axis` of the extremum, the first of equal ones. NaN counts as
// whichever is sought.
Op arg_extremum(const char* name, Extremum sought);

}  // namespace paceline::ops
