#pragma once

#include <memory>

namespace CLI {
class FormatterBase;
}

namespace paceline {

// How every --help is laid out: within 80 columns, descriptions wrapped in their column.
std::shared_ptr<CLI::FormatterBase> help_format();

}  // namespace paceline
