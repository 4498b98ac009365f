#pragma once

#include "common/base/digest.h"

namespace paceline {

// Of this program's very build: another version, compiler or option has another. It is the linker's
// build id, or where the program was linked without one, of the program's file. Computed once; any
// thread. Throws `unavailable` when the file cannot be read.
const Digest& program_build();

}  // namespace paceline
