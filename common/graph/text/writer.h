#pragma once

#include <string>
#include <string_view>

#include "common/graph/attributes.h"
#include "common/graph/shape.h"

namespace paceline {

// Pieces of the text forms, as TextReader reads them.
std::string name_text(std::string_view name);               // Quoted unless a plain identifier.
std::string type_text(const TensorType& type);              // With its layout.
std::string attributes_text(const Attributes& attributes);  // ", axis=-1, k=2"; "" when empty.

}  // namespace paceline
