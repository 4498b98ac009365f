#pragma once

#include <memory>

#include "common/store/database.h"
#include "common/store/url.h"

namespace paceline::store {

// Connects to a server. A connection that breaks is opened again by the next call.
std::unique_ptr<Database> open_postgres(const PostgresUrl& url);

}  // namespace paceline::store
