#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/graph/attributes.h"
#include "common/graph/kernel_info.h"
#include "common/graph/machine.h"
#include "common/graph/measurement.h"
#include "common/graph/workload.h"

namespace paceline::store {

// Fields without a column of their own, as JSON. Doubles come back bit for bit (not-a-number and
// infinities are strings, as PostgreSQL reads them).
std::string to_json(const std::vector<double>& values);
std::string to_json(const std::vector<std::int32_t>& values);
std::string to_json(const std::vector<std::string>& values);
std::string to_json(const std::map<std::string, std::string>& values);
std::string to_json(const Bindings& bindings);
std::string to_json(const std::vector<Machine::Cache>& caches);
std::string to_json(const std::vector<Machine::Gpu>& gpus);
std::string to_json(const std::vector<Measurement::Discarded>& discarded);
std::string to_json(const Attributes& attributes);
std::string to_json(const Accepts& accepts);
std::string to_json(const std::vector<OperandType>& operands);
// A JSON string; bytes that are no UTF-8 are replaced.
std::string to_json(std::string_view text);

// Throws `invalid` for text that to_json() of that type does not write.
template <typename T>
T from_json(std::string_view text);

}  // namespace paceline::store
