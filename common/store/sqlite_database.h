#pragma once

#include <filesystem>
#include <memory>

#include "common/store/database.h"

namespace paceline::store {

// Opens a file, creating it unless it must exist: write-ahead log (readers and a writer do not wait
// for each other), foreign keys, and ten seconds of patience with other writers.
std::unique_ptr<Database> open_sqlite(const std::filesystem::path& file, bool must_exist);

}  // namespace paceline::store
