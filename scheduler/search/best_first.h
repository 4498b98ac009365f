#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/digest.h"
#include "scheduler/search/diagram.h"

namespace paceline::search {

// A place in the list of a diagram's paths from cheap to dear, and which of them are meant: `next`,
// `next + step`, `next + 2 step`, ... It can be stored, resumed and split.
struct Cursor {
  Digest space;  // Of the space and limits: the list is the same wherever they are.
  std::uint64_t next = 0;
  std::uint64_t step = 1;

  std::string to_text() const;
  static Cursor parse(std::string_view text);  // Throws `invalid`.

  // `parts` cursors that together give exactly what this one gives; the first begins where it does.
  std::vector<Cursor> split(std::uint64_t parts) const;

  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// The paths of a diagram, cheapest first, each once, found as they are asked for. Equal costs come
// in an order that the space and limits decide. After Huang and Chiang, "Better k-best Parsing",
// 2005.
//
// Passing over a path costs about a microsecond and a hundred bytes. One thread at a time.
class BestFirst {
 public:
  explicit BestFirst(Diagram diagram);
  BestFirst(Diagram diagram, const Cursor& cursor);  // Throws `invalid` for another space's cursor.
  BestFirst(BestFirst&&) noexcept;
  BestFirst& operator=(BestFirst&&) noexcept;
  ~BestFirst();

  std::optional<Solution> next();  // nullopt: no more.
  Cursor cursor() const;

  // Whether no path outside of the diagram can be cheaper than this one of it.
  bool is_ordered(const Solution& solution) const;

 private:
  class Lists;

  Diagram diagram_;
  Cursor cursor_;
  std::unique_ptr<Lists> lists_;
};

}  // namespace paceline::search
