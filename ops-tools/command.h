#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/graph/dim.h"
#include "common/store/store.h"
#include "scheduler/choose/choose.h"

namespace CLI {
class App;
}

namespace paceline {

// What subcommands share: options that mean the same everywhere, and how things are printed.

// --store: the flag, else PACELINE_STORE or `store` of paceline.toml, else the default file.
struct StoreOption {
  std::string flag;

  void add_to(CLI::App& command);
  std::string url() const;
  // Null for "none".
  std::unique_ptr<Store> open(OpenMode mode = OpenMode::use) const;
};

// "N=128" each. Throws `invalid` naming the text.
Bindings parse_bindings(const std::vector<std::string>& texts);

OnMiss parse_on_miss(const std::string& text);

// Columns padded to their widest cell, the first left-aligned, numbers right-aligned. A table wider
// than the terminal loses the tail of its widest column to "..."; one of too many columns for that
// has a line for each cell.
std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows);

std::string format_seconds(double seconds);    // "12.3 us"
std::string format_bytes(std::int64_t bytes);  // "4.2 MiB"

// Columns of the terminal on standard output; 0 when it is none.
int terminal_width();

}  // namespace paceline
