#pragma once

#include "common/graph/plan.h"
#include "common/graph/text/reader.h"

namespace paceline {

Plan read_plan(TextReader& reader, const OpSet& ops);  // As to_text writes it.

}  // namespace paceline
