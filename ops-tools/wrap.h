#pragma once

#include <string>
#include <string_view>

namespace paceline {

// Breaks the lines of `text` at spaces so that none is wider than `width` columns; what was broken
// off begins with `indent` spaces. A word that is longer stays whole. Width 0: as it is.
std::string wrap(std::string_view text, int width, int indent = 0);

}  // namespace paceline
