#pragma once

#include <memory>

#include "common/store/database.h"
#include "common/store/store.h"

namespace paceline::store {

// The store over either home, whose schema is this program's.
std::unique_ptr<Store> make_sql_store(std::unique_ptr<Database> database);

}  // namespace paceline::store
