#pragma once

#include <vector>

#include "common/wire/message.h"

namespace paceline::testing {

// One of each kind in the order of wire::Message, with every field set to a value of its own.
// Fixed: the bytes kept in tests/schema/wire are of these.
std::vector<wire::Message> sample_messages();

}  // namespace paceline::testing
