#include "ops-tools/version.h"

namespace paceline {

const char* version() { return "paceline 0.1.0"; }

}  // namespace paceline
