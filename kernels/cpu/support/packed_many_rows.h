#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/support/packed_linear.h"

// Products of many rows with packed weights in float. A block of rows stays in a second-level
// cache, interleaved so that a tile's factors lie beside each other, while all panels pass by: rows
// are brought into that form once, and the weight is read from memory a panel at a time, asked for
// while the panels before it are used. The blocking is that of Goto and van de Geijn (see
// packed_linear.h) with its operands exchanged.
namespace paceline::kernels::cpu {

// Of the rows that stay, so that panels, results and what is asked for have room beside them.
inline constexpr std::int64_t resident_rows_bytes = 512 * 1024;
// Sums so long are cut: a panel of them takes an eighth of a mebibyte.
inline constexpr std::int64_t many_rows_depth_max = 1024;
// Panels that a tile of rows meets while it is in a first-level cache.
inline constexpr std::int64_t panels_at_once = 2;
// A vector beyond the last tile, where staging writes whole ones.
inline constexpr std::int64_t many_rows_slack = 16;

// What one thread needs at most.
inline constexpr std::int64_t many_rows_workspace_max =
    resident_rows_bytes + many_rows_slack * static_cast<std::int64_t>(sizeof(float));

// How a product is cut: depth of the sums at a time, rows that stay.
struct ManyRowsCut {
  std::int64_t depth;
  std::int64_t rows;
};

inline ManyRowsCut many_rows_cut(std::int64_t m, std::int64_t k) {
  const std::int64_t parts = (k + many_rows_depth_max - 1) / many_rows_depth_max;
  const std::int64_t depth = ((k + parts - 1) / parts + 15) / 16 * 16;
  const std::int64_t tile_bytes = depth * panel_rows * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t tiles = (m + panel_rows - 1) / panel_rows;
  const std::int64_t tiles_max = resident_rows_bytes / tile_bytes;
  const std::int64_t blocks = (tiles + tiles_max - 1) / tiles_max;
  return {depth, std::min(m, (tiles + blocks - 1) / blocks * panel_rows)};
}

// How many parts for threads there are in m rows, and how each is cut.
struct ManyRowsParts {
  ManyRowsParts(std::int64_t m, std::int64_t k, int threads)
      : count(std::clamp<std::int64_t>(m / panel_rows, 1, threads)),
        cut(many_rows_cut((m + count - 1) / count, k)) {}

  std::int64_t count;
  ManyRowsCut cut;

  // What one thread needs.
  std::int64_t workspace_bytes() const {
    const std::int64_t floats = cut.rows * cut.depth + many_rows_slack;
    return (floats * static_cast<std::int64_t>(sizeof(float)) + 63) / 64 * 64;
  }
};

// A tile of interleaved rows, a panel, and where their sums go.
struct ManyRowsTile {
  const float* x;      // [count][rows].
  const float* panel;  // [count][panel_columns].
  std::int64_t count;
  // Lines to ask for meanwhile, one for each two of `count`, `ahead_step` bytes apart: 0 or 64.
  const std::byte* ahead;
  std::int64_t ahead_step;
  Around<float> around;  // Of the first sums.
  float* out;
  std::int64_t out_stride, columns;
  bool is_first;  // Otherwise the sums join what `out` holds.
};

// What an instruction set contributes.
struct ManyRowsFunctions {
  std::int64_t rows_max;  // Of a tile.
  // Elements [0, count) of `rows` rows of x become to[count][rows]; up to many_rows_slack elements
  // beyond are written.
  void (*stage)(const float* x, std::int64_t x_stride, std::int64_t rows, std::int64_t count,
                float* to);
  void (*multiply)(std::int64_t rows, const ManyRowsTile& tile);
  // The activation, in place; null when there is none.
  void (*activate)(float* out, std::int64_t stride, std::int64_t rows, std::int64_t columns);
};

// Rows and panels on one thread.
class ManyRowsBlock {
 public:
  ManyRowsBlock(const PackedProblem<float>& problem, const ManyRowsFunctions& functions,
                const ManyRowsCut& cut, float* resident)
      : p_(problem), f_(functions), cut_(cut), resident_(resident) {}

  // Rows [row, end).
  void run(std::int64_t row, std::int64_t end) {
    for (; row < end; row += cut_.rows) {
      row_ = row;
      rows_ = std::min(cut_.rows, end - row);
      tiles_ = (rows_ + f_.rows_max - 1) / f_.rows_max;
      for (depth_from_ = 0; depth_from_ < p_.k; depth_from_ += cut_.depth) {
        depth_ = std::min(cut_.depth, p_.k - depth_from_);
        for (std::int64_t tile = 0; tile < tiles_; ++tile) stage(tile);
        for (std::int64_t j = 0; j < p_.panels(); j += panels_at_once) run_panels(j);
      }
    }
  }

 private:
  // Heights of tiles differ by one at most.
  std::int64_t start(std::int64_t tile) const { return rows_ * tile / tiles_; }
  float* staged(std::int64_t tile) const { return resident_ + start(tile) * depth_; }
  const float* panel(std::int64_t index) const {
    return reinterpret_cast<const float*>(p_.panel(index, depth_from_).data);
  }

  void stage(std::int64_t tile) {
    const std::int64_t row = start(tile), rows = start(tile + 1) - row;
    f_.stage(p_.x + (row_ + row) * p_.k + depth_from_, p_.k, rows, depth_, staged(tile));
  }

  void run_panels(std::int64_t first) {
    const std::int64_t end = std::min(p_.panels(), first + panels_at_once);
    const std::int64_t products = tiles_ * (end - first);
    std::int64_t product = 0;
    for (std::int64_t tile = 0; tile < tiles_; ++tile) {
      for (std::int64_t index = first; index < end; ++index) {
        multiply(tile, index, end, product++, products);
      }
    }
  }

  void multiply(std::int64_t tile, std::int64_t index, std::int64_t next, std::int64_t product,
                std::int64_t products) {
    const std::int64_t row = start(tile), rows = start(tile + 1) - row;
    const std::int64_t column = index * panel_columns, at = (row_ + row) * p_.n;
    ManyRowsTile t{.x = staged(tile),
                   .panel = panel(index),
                   .count = depth_,
                   .ahead = reinterpret_cast<const std::byte*>(panel(index)),
                   .ahead_step = 0,
                   .around = p_.around.at(at, column),
                   .out = p_.out + at + column,
                   .out_stride = p_.n,
                   .columns = std::min(panel_columns, p_.n - column),
                   .is_first = depth_from_ == 0};
    // The panels to come, in equal pieces, one with each product.
    if (const std::int64_t panels = std::min(p_.panels() - next, panels_at_once); panels > 0) {
      constexpr std::int64_t line = 64;
      const std::int64_t lines = depth_ * group_bytes / line,
                         piece = panels * lines * product / products;
      t.ahead =
          reinterpret_cast<const std::byte*>(panel(next + piece / lines)) + piece % lines * line;
      t.ahead_step = line;
    }
    f_.multiply(rows, t);
    if (f_.activate && depth_from_ + depth_ >= p_.k) {
      f_.activate(t.out, t.out_stride, rows, t.columns);
    }
  }

  PackedProblem<float> p_;
  ManyRowsFunctions f_;
  ManyRowsCut cut_;
  float* resident_;
  std::int64_t row_ = 0, rows_ = 0, tiles_ = 0;  // The rows that stay.
  std::int64_t depth_from_ = 0, depth_ = 0;
};

// Whether rows are worth it: a weight that stays in a second-level cache is well served by
// multiply_packed_weight, which needs no room for rows.
inline bool has_many_rows(std::int64_t m, std::int64_t n, std::int64_t k) {
  return m >= 4 * panel_rows && k * n * static_cast<std::int64_t>(sizeof(float)) > resident_bytes;
}

// The product over the current oneTBB arena, parted by rows. `workspace` has what ManyRowsParts
// says for each thread, aligned to 64. Requires: the weight is packed in panels of panel_columns.
inline void multiply_many_packed_rows(const PackedProblem<float>& p, const ManyRowsFunctions& f,
                                      int threads, void* workspace) {
  const ManyRowsParts parts(p.m, p.k, threads);
  const auto run = [&](std::int64_t part) {
    std::byte* own = static_cast<std::byte*>(workspace) +
                     (parts.count == 1 ? 0 : workspace_part(threads)) * parts.workspace_bytes();
    ManyRowsBlock(p, f, parts.cut, reinterpret_cast<float*>(own))
        .run(p.m * part / parts.count, p.m * (part + 1) / parts.count);
  };
  if (parts.count == 1) return run(0);
  parallel_pieces(parts.count, run);
}

}  // namespace paceline::kernels::cpu
