#pragma once

#include <fmt/core.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace paceline {

// What the caller of a failed operation may do about it.
enum class ErrorKind {
  invalid,      // The request is wrong: mend it. Exit code 2.
  unsupported,  // The request is sound, and this build, machine or version cannot serve it.
  exhausted,    // Memory, time or budget is spent: retry with less or with more.
  unavailable,  // A peer, file or database does not answer: retry later or elsewhere.
  internal,     // A bug.
};

std::string_view to_string(ErrorKind kind);

// An operation that cannot continue. The message is one line that ends with the offending values:
// "no kernel: rms_norm f64".
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

// Made to be thrown: `throw invalid("head count must divide hidden size: {} and {}", h, d);`
template <typename... Args>
Error invalid(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorKind::invalid, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error unsupported(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorKind::unsupported, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error exhausted(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorKind::exhausted, fmt::format(format, std::forward<Args>(args)...)};
}
template <typename... Args>
Error unavailable(fmt::format_string<Args...> format, Args&&... args) {
  return {ErrorKind::unavailable, fmt::format(format, std::forward<Args>(args)...)};
}

// Guards what only a bug can break; throws `internal` with the place of the call.
void check(bool condition, std::string_view what,
           std::source_location where = std::source_location::current());

}  // namespace paceline
