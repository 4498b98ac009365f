#pragma once

namespace paceline {

const char* version();  // "paceline 0.1.0"

}  // namespace paceline
