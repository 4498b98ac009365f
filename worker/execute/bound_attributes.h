#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/graph/attributes.h"

namespace paceline {

// The attributes of a node with their symbols bound; binding anew touches only those that have any.
// One thread.
class BoundAttributes {
 public:
  explicit BoundAttributes(const Attributes& attributes);

  // Valid until the next bind. Throws `invalid` for an unbound symbol.
  const Attributes& bind(const Bindings& bindings);

 private:
  Attributes bound_;
  std::vector<std::pair<std::string, Attribute>> symbolic_;
};

}  // namespace paceline
