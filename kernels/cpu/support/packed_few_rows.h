#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>

#include "kernels/cpu/support/packed_linear.h"

// Products of few rows with packed weights in float: all rows pass by a panel before the next one
// is touched, so that every weight is read from memory once, and x is used where it lies.
namespace paceline::kernels::cpu {

// More of them are worth bringing into another form.
inline constexpr std::int64_t few_packed_rows_max = 32;

// A tile of up to panel_rows rows and the columns of one panel.
struct FewRowsTile {
  const float* x;
  std::int64_t x_stride;
  Panel panel;
  std::int64_t groups;
  const std::byte* ahead;  // What is asked for meanwhile: a cache line for each group.
  Around<float> around;
  float* out;
  std::int64_t out_stride, columns;
};

// What an instruction set contributes.
struct FewRowsFunctions {
  void (*multiply)(std::int64_t rows, const FewRowsTile& tile);
  // The activation, in place; null when there is none.
  void (*activate)(float* out, std::int64_t stride, std::int64_t rows, std::int64_t columns);
};

// Rows that lie a power of two apart share few places of a first-level cache (64 sets of lines):
// only so many of them stay in it beside the weights.
inline std::int64_t few_rows_tile_rows(std::int64_t k) {
  constexpr std::int64_t line_floats = 16, sets = 64, rows_of_a_set = 8;
  if (k % line_floats != 0) return panel_rows;
  const std::int64_t places = sets / std::gcd(sets, k / line_floats);
  return std::min(panel_rows, places * rows_of_a_set);
}

// Panels [begin, end), all rows.
inline void multiply_few_packed_rows(const PackedProblem<float>& p, const FewRowsFunctions& f,
                                     std::int64_t begin, std::int64_t end) {
  const std::int64_t height_max = few_rows_tile_rows(p.k);
  const std::int64_t blocks = (p.m + height_max - 1) / height_max;
  constexpr std::int64_t line_bytes = 64;
  for (std::int64_t j = begin; j < end; ++j) {
    const Panel panel = p.panel(j, 0), next = p.panel(std::min(j + 1, end - 1), 0);
    const std::int64_t column = j * panel_columns;
    const std::int64_t columns = std::min(panel_columns, p.n - column);
    for (std::int64_t block = 0; block < blocks; ++block) {
      const std::int64_t row = p.m * block / blocks, rows = p.m * (block + 1) / blocks - row;
      float* out = p.out + row * p.n + column;
      // Two blocks between them ask for the two lines of each group of the panel to come.
      f.multiply(rows, {.x = p.x + row * p.k,
                        .x_stride = p.k,
                        .panel = panel,
                        .groups = p.k,
                        .ahead = blocks == 1 ? nullptr : next.data + block % 2 * p.k * line_bytes,
                        .around = p.around.at(row * p.n, column),
                        .out = out,
                        .out_stride = p.n,
                        .columns = columns});
    }
    if (f.activate) f.activate(p.out + column, p.n, p.m, columns);
  }
}

// body(begin, end) for ranges of the panels of a weight in float, over the current oneTBB arena:
// each thread has the same panels in every run, which its second-level cache may still hold.
template <typename Body>
void share_panels(std::int64_t m, std::int64_t panels, std::int64_t k, int threads,
                  const Body& body) {
  const PackedGrid grid = packed_grid(m, panels, k, panels * k * group_bytes, threads);
  const std::int64_t parts = std::min(grid.by_rows * grid.by_panels, panels);
  const auto part = [&](std::int64_t index) {
    body(panels * index / parts, panels * (index + 1) / parts);
  };
  if (parts == 1) return part(0);
  parallel_pieces(parts, part);
}

inline void multiply_few_packed_rows(const PackedProblem<float>& p, const FewRowsFunctions& f,
                                     int threads) {
  share_panels(p.m, p.panels(), p.k, threads, [&](std::int64_t begin, std::int64_t end) {
    multiply_few_packed_rows(p, f, begin, end);
  });
}

}  // namespace paceline::kernels::cpu
