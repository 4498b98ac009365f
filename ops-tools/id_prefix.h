#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paceline {

// What lists show of an id, and what is enough of it to name its bearer in a small crowd.
std::string short_id(const std::string& id);

// The one of `ids` that begins with `text`. Throws `invalid`, listing what there is to choose from,
// when none or several do; `noun` says what they are the ids of: "campaign".
const std::string& find_by_prefix(const std::vector<std::string>& ids, std::string_view text,
                                  std::string_view noun);

}  // namespace paceline
