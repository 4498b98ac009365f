#include "ops-tools/command.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "common/base/error.h"
#include "common/base/settings.h"
#include "ops-tools/wrap.h"

namespace paceline {
namespace {

bool is_numeric(const std::string& cell) {
  return !cell.empty() && (std::isdigit(static_cast<unsigned char>(cell[0])) ||
                           (cell.size() > 1 && (cell[0] == '-' || cell[0] == '+') &&
                            std::isdigit(static_cast<unsigned char>(cell[1]))));
}

std::string clip(const std::string& cell, std::size_t width) {
  if (cell.size() <= width) return cell;
  return width <= 3 ? cell.substr(0, width) : cell.substr(0, width - 3) + "...";
}

constexpr std::size_t column_width_min = 8;

// Takes from the widest column until the line fits. False when it cannot.
bool shrink_to(std::vector<std::size_t>& widths, std::size_t line_width) {
  const auto total = [&] {
    std::size_t sum = 2 * (widths.size() - 1);
    for (const std::size_t width : widths) sum += width;
    return sum;
  };
  while (total() > line_width) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= column_width_min) return false;
    --*widest;
  }
  return true;
}

// A line for each cell, a block for each row.
std::string format_records(const std::vector<std::string>& header,
                           const std::vector<std::vector<std::string>>& rows, int columns) {
  std::size_t name_width = 0;
  for (const std::string& name : header) name_width = std::max(name_width, name.size());
  std::string text;
  for (const auto& row : rows) {
    if (!text.empty()) text += '\n';
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string line = fmt::format("{:<{}}  {}", header[i], name_width, row[i]);
      text += wrap(line, columns, static_cast<int>(name_width) + 2) + '\n';
    }
  }
  return text;
}

}  // namespace

void StoreOption::add_to(CLI::App& command) {
  command.add_option("--store", flag,
                     "Timing store: a file, postgresql://..., or none (default: "
                     "PACELINE_STORE, paceline.toml, else a file of yours)");
}

std::string StoreOption::url() const {
  if (!flag.empty()) return flag;
  if (const auto setting = Settings::load().find("store")) return *setting;
  return default_store_url();
}

std::unique_ptr<Store> StoreOption::open(OpenMode mode) const {
  const std::string store_url = url();
  if (store_url == "none") return nullptr;
  return open_store(store_url, mode);
}

Bindings parse_bindings(const std::vector<std::string>& texts) {
  Bindings bindings;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    std::int64_t value = 0;
    const char* end = text.data() + text.size();
    const bool has_name = equals != std::string::npos && equals > 0;
    const auto [stop, code] =
        std::from_chars(has_name ? text.data() + equals + 1 : end, end, value);
    if (!has_name || code != std::errc{} || stop != end || value < 0) {
      throw invalid("--bind takes SYMBOL=NUMBER with a number of at least 0, as in N=128: {}",
                    text);
    }
    bindings[text.substr(0, equals)] = value;
  }
  return bindings;
}

OnMiss parse_on_miss(const std::string& text) {
  if (text == "estimate") return OnMiss::estimate;
  if (text == "measure") return OnMiss::measure;
  if (text == "fail") return OnMiss::fail;
  throw invalid("--on-miss takes estimate, measure or fail: {}", text);
}

std::string format_table(const std::vector<std::string>& header,
                         const std::vector<std::vector<std::string>>& rows) {
  if (header.empty()) return "";
  std::vector<std::size_t> widths;
  for (const std::string& cell : header) widths.push_back(cell.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  const int columns = terminal_width();
  if (columns > 0 && !shrink_to(widths, columns)) return format_records(header, rows, columns);

  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string cell = clip(cells[i], widths[i]);
      const std::string padding(widths[i] - cell.size(), ' ');
      if (i > 0) line += "  ";
      line += i > 0 && is_numeric(cell) ? padding + cell : cell + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add_line(header);
  for (const auto& row : rows) add_line(row);
  return text;
}

std::string format_seconds(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 1e-6) return fmt::format("{:.0f} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.3g} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.4g} ms", seconds * 1e3);
  return fmt::format("{:.4g} s", seconds);
}

std::string format_bytes(std::int64_t bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

int terminal_width() {
  winsize size{};
  if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

}  // namespace paceline
