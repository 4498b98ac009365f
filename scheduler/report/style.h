#pragma once

#include <string_view>

namespace paceline::report {

// Neither holds '<' or '&': the page is well-formed XML with them as they stand.
extern const std::string_view page_style;
extern const std::string_view page_script;  // Sorting and filtering; the page is whole without it.

}  // namespace paceline::report
