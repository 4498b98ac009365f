#include "common/base/error.h"

namespace paceline {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::exhausted:
      return "exhausted";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::internal:
      break;
  }
  return "internal";
}

void check(bool condition, std::string_view what, std::source_location where) {
  if (condition) return;
  throw Error(ErrorKind::internal,
              fmt::format("{}:{}: check failed: {}", where.file_name(), where.line(), what));
}

}  // namespace paceline
