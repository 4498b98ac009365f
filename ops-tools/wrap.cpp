#include "ops-tools/wrap.h"

#include <algorithm>

namespace paceline {
namespace {

std::string wrap_line(std::string_view text, std::size_t columns, int indent) {
  std::string wrapped;
  std::string margin;
  while (margin.size() + text.size() > columns) {
    // Spaces that begin a line are its margin, no place to break it.
    const std::size_t word = text.find_first_not_of(' ');
    const std::size_t room = columns > margin.size() ? columns - margin.size() : 0;
    std::size_t at = text.rfind(' ', room);
    if (at == std::string_view::npos || at <= word) at = text.find(' ', word);
    if (at == std::string_view::npos) break;
    wrapped.append(margin).append(text.substr(0, text.find_last_not_of(' ', at) + 1)) += '\n';
    text.remove_prefix(std::min(text.find_first_not_of(' ', at), text.size()));
    margin.assign(static_cast<std::size_t>(indent), ' ');
  }
  return wrapped + margin + std::string(text);
}

}  // namespace

std::string wrap(std::string_view text, int width, int indent) {
  if (width <= 0) return std::string(text);
  std::string wrapped;
  for (;;) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    wrapped += wrap_line(text.substr(0, end), static_cast<std::size_t>(width), indent);
    if (end == text.size()) return wrapped;
    wrapped += '\n';
    text.remove_prefix(end + 1);
  }
}

}  // namespace paceline
