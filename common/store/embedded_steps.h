#pragma once

#include <span>

namespace paceline::store {

// One numbered step of a home's schema, as its file in schema/sql was when this was built.
struct EmbeddedStep {
  const char* home;  // "postgresql" or "sqlite".
  int number;        // From 1 without gaps in each home.
  const char* name;  // "0001_create_tables".
  const char* sql;
};

// Every step, ordered by home, then number. The build writes the source from schema/sql/*/*.sql.
std::span<const EmbeddedStep> embedded_steps();

}  // namespace paceline::store
