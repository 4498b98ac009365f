#include <fmt/format.h>

#include <algorithm>

#include "scheduler/report/html.h"
#include "scheduler/report/sections.h"

namespace paceline::report {

namespace {

constexpr double width = 960;
constexpr double height = 320;
constexpr double left = 70;
constexpr double bottom = 24;

// Instructions to the right, offsets upwards.
class Drawing {
 public:
  explicit Drawing(const PathReport& report) : memory_(report.memory) {
    steps_ = std::max<std::int64_t>(1, static_cast<std::int64_t>(report.instructions.size()));
    bytes_ = std::max<std::int64_t>(1, memory_.arena_bytes);
    for (const Slot& slot : memory_.slots) {
      steps_ = std::max<std::int64_t>(steps_, std::int64_t{slot.last} + 1);
      bytes_ = std::max(bytes_, slot.offset + slot.bytes);
    }
  }

  std::string draw() const {
    std::string svg = fmt::format(
        "<svg class=\"arena\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"arena over time\">\n",
        width, height + bottom);
    for (std::size_t i = 0; i < memory_.slots.size(); ++i) svg += slot(memory_.slots[i], i);
    svg += axes();
    return svg + "</svg>\n";
  }

 private:
  double x(std::int64_t step) const {
    return left + (width - left) * static_cast<double>(step) / static_cast<double>(steps_);
  }
  double y(std::int64_t offset) const {
    return height * (1 - static_cast<double>(offset) / static_cast<double>(bytes_));
  }

  std::string slot(const Slot& slot, std::size_t index) const {
    const double from = x(slot.first);
    const double top = y(slot.offset + slot.bytes);
    return fmt::format(
        "<rect class=\"slot s{}\" x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\">"
        "<title>{}: {} at {}, instructions {} to {}</title></rect>\n",
        index % 6, from, top, std::max(0.5, x(std::int64_t{slot.last} + 1) - from),
        std::max(0.5, y(slot.offset) - top), escaped(slot.name), bytes_text(slot.bytes),
        bytes_text(slot.offset), slot.first, slot.last);
  }

  std::string axes() const {
    std::string axes;
    for (const double part : {0.0, 0.5, 1.0}) {
      const auto offset = static_cast<std::int64_t>(part * static_cast<double>(bytes_));
      const double level = y(offset);
      axes += fmt::format(
          "<line class=\"axis\" x1=\"{0}\" y1=\"{1:.2f}\" x2=\"{2}\" y2=\"{1:.2f}\"/>"
          "<text x=\"{3}\" y=\"{4:.2f}\" text-anchor=\"end\">{5}</text>\n",
          left, level, width, left - 6, std::clamp(level + 4, 10.0, height), bytes_text(offset));
    }
    const double peak = y(memory_.largest_live_bytes);
    axes += fmt::format(
        "<line class=\"peak\" x1=\"{0}\" y1=\"{1:.2f}\" x2=\"{2}\" y2=\"{1:.2f}\">"
        "<title>largest live set</title></line>\n",
        left, peak, width);
    axes += fmt::format("<text x=\"{}\" y=\"{}\">instruction 0</text>", left, height + 16);
    axes += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", width,
                        height + 16, steps_ - 1);
    return axes;
  }

  const Memory& memory_;
  std::int64_t steps_ = 1;
  std::int64_t bytes_ = 1;
};

std::string slot_table(const Memory& memory) {
  std::string table = fmt::format(
      "<details><summary>{} slots</summary><div class=\"scroll\"><table><thead><tr><th>slot</th>"
      "<th class=\"number\">bytes</th><th class=\"number\">offset</th>"
      "<th class=\"number\">first</th><th class=\"number\">last</th></tr></thead><tbody>\n",
      memory.slots.size());
  for (const Slot& slot : memory.slots) {
    table += fmt::format(
        "<tr><td class=\"code\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
        escaped(slot.name), count_text(slot.bytes), count_text(slot.offset), slot.first, slot.last);
  }
  return table + "</tbody></table></div></details>\n";
}

}  // namespace

std::string memory_section(const PathReport& report) {
  const Memory& memory = report.memory;
  std::string section = fmt::format(
      "<section id=\"memory\"><h2>Memory</h2>\n<dl><dt>arena</dt><dd>{}</dd>"
      "<dt>largest live set</dt><dd>{} (dashed)</dd><dt>weights</dt><dd>{}</dd>"
      "<dt>made of weights</dt><dd>{}</dd>"
      "<dt>states</dt><dd>{}</dd></dl>\n",
      bytes_text(memory.arena_bytes), bytes_text(memory.largest_live_bytes),
      bytes_text(memory.weight_bytes), bytes_text(memory.prepared_bytes),
      bytes_text(memory.state_bytes));
  if (!memory.slots.empty()) {
    section += "<div class=\"scroll\">" + Drawing(report).draw() + "</div>\n" + slot_table(memory);
  }
  return section + "</section>\n";
}

}  // namespace paceline::report
