#include "ops-tools/help_format.h"

#include <CLI/CLI.hpp>

#include "ops-tools/wrap.h"

namespace paceline {
namespace {

constexpr int line_width = 80;
constexpr int description_column = 34;

// CLI11 begins the lines of a description that holds line breaks in its column.
std::string in_column(const std::string& description) {
  return wrap(description, line_width - description_column);
}

class HelpFormat : public CLI::Formatter {
 public:
  HelpFormat() { column_width(description_column); }

  std::string make_option_desc(const CLI::Option* option) const override {
    return in_column(option->get_description());
  }
  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream text;
    CLI::detail::format_help(text, command->get_display_name(true),
                             in_column(command->get_description()), description_column);
    return text.str();
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_format() { return std::make_shared<HelpFormat>(); }

}  // namespace paceline
