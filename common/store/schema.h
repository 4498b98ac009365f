#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "common/store/database.h"
#include "common/store/embedded_steps.h"
#include "common/store/store.h"

namespace paceline::store {

// A step that a store went through.
struct AppliedStep {
  int number = 0;
  std::string name;
  std::string hash;
};

Digest hash_of(const EmbeddedStep& step);

// The steps of `known`, all of one home, that are still to be applied. Throws `invalid` when an
// applied step is newer than all of `known`, or is not the one of that number. `url` is for messages.
std::vector<EmbeddedStep> missing_steps(std::span<const EmbeddedStep> known,
                                        std::span<const AppliedStep> applied, std::string_view url);

// Brings `database` to this program's schema, or throws `invalid` when `mode` forbids that.
void open_schema(Database& database, OpenMode mode);

}  // namespace paceline::store
