#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/support/around.h"
#include "kernels/cpu/support/parallel.h"

// Products with weights that `pack_weight` has packed: how they are cut and in which order tiles
// are computed. What depends on instruction sets comes in as functions. The blocking is that of
// Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008), with one
// operand packed for good.
namespace paceline::kernels::cpu {

// A tile of results: as many sums as the registers of AVX-512 hold beside their operands.
inline constexpr std::int64_t panel_rows = 14;
inline constexpr std::int64_t panel_columns = 32;
// What a group of a panel takes: panel_columns times 32 bits.
inline constexpr std::int64_t group_bytes = 4 * panel_columns;

// Rows of x are brought into the form that the sums want, a block at a time, which stays in a
// first-level cache. Lines do not lie a power of two apart, so that they do not evict each other.
inline constexpr std::int64_t staged_bytes = 30 * 1024;
inline constexpr std::int64_t staged_gap = 64;
// The part of the weight that stays in a second-level cache while rows pass by.
inline constexpr std::int64_t resident_bytes = 1024 * 1024;
// Results of halves wait in float for the sums of further groups: of so many rows and columns.
inline constexpr std::int64_t waiting_rows = 18 * panel_rows;
inline constexpr std::int64_t waiting_columns = 1024;

// Rows of x, staged. A group of them takes `bytes` bytes of each row.
struct Staged {
  const std::byte* data;
  std::int64_t stride;  // In bytes.
};

// A panel of the weight from some group on; `stride` from group to group, in bytes.
struct Panel {
  const std::byte* data;
  std::int64_t stride;
};

// Where the sums of one tile go.
template <typename T>
struct PackedResults {
  T* out;
  std::int64_t out_stride;
  float* waiting;  // Where sums wait for those of further groups.
  std::int64_t waiting_stride;
  Around<T> around;
  std::int64_t rows, columns;
  bool is_first, is_last;
};

// What an instruction set contributes.
template <typename T>
struct PackedFunctions {
  // Elements [from, from + count) of `rows` rows of x, filled up with zeros to whole groups.
  void (*stage)(const T* x, std::int64_t x_stride, std::int64_t rows, std::int64_t from,
                std::int64_t count, std::byte* to, std::int64_t to_stride);
  // sums[i * panel_columns + j] = row i times column j, over `groups` groups; 1 to panel_rows rows.
  void (*multiply)(std::int64_t rows, const Staged& x, const Panel& panel, std::int64_t groups,
                   float* sums);
  // Bias and residual join the first sums, the activation is taken of the last.
  void (*finish)(const float* sums, const PackedResults<T>& to);
  std::int64_t staged_group_bytes = 4;
};

// x[m,k] times a packed weight of n columns. All dense.
template <typename T>
struct PackedProblem {
  std::int64_t m, n, k;
  std::int64_t tile, depth;  // As the weight was packed; the tile is a multiple of panel_columns.
  const T* x;
  const std::byte* weight;
  Around<T> around;
  T* out;

  std::int64_t groups() const { return (k + depth - 1) / depth; }
  std::int64_t panels() const { return (n + panel_columns - 1) / panel_columns; }
  Panel panel(std::int64_t index, std::int64_t group) const {
    const std::int64_t parts = tile / panel_columns, stride = parts * group_bytes;
    const std::int64_t start = (index / parts * groups() + group) * stride;
    return {weight + start + index % parts * group_bytes, stride};
  }
};

// What one thread needs.
template <typename T>
constexpr std::int64_t packed_workspace_bytes() {
  const std::int64_t waiting = std::is_same_v<T, float> ? 0 : waiting_rows * waiting_columns * 4;
  return staged_bytes + waiting;
}

// Rows [row, row + rows) and panels [panel, panel + panels) on one thread.
template <typename T>
class PackedBlock {
 public:
  PackedBlock(const PackedProblem<T>& problem, const PackedFunctions<T>& functions,
              std::byte* workspace)
      : p_(problem),
        f_(functions),
        staged_(workspace),
        waiting_(reinterpret_cast<float*>(workspace + staged_bytes)) {}

  void run(std::int64_t row, std::int64_t rows, std::int64_t panel, std::int64_t panels) {
    const std::int64_t rows_max = std::is_same_v<T, float> ? rows : waiting_rows;
    for (std::int64_t done = 0; done < rows; done += rows_max) {
      run_rows(row + done, std::min(rows_max, rows - done), panel, panels);
    }
  }

 private:
  void run_rows(std::int64_t row, std::int64_t rows, std::int64_t panel, std::int64_t panels) {
    // Equal blocks, so that none has a row or two for which all of the weight is read.
    const std::int64_t blocks = (rows + panel_rows - 1) / panel_rows;
    const std::int64_t height = (rows + blocks - 1) / blocks;
    const std::int64_t groups = std::max<std::int64_t>(p_.groups(), 1);
    const std::int64_t groups_max =
        (staged_bytes / height - staged_gap) / f_.staged_group_bytes / 16 * 16;
    const std::int64_t parts = (groups + groups_max - 1) / groups_max;
    const std::int64_t part = ((groups + parts - 1) / parts + 15) / 16 * 16;
    const std::int64_t width = std::clamp<std::int64_t>(resident_bytes / (part * group_bytes), 1,
                                                        waiting_columns / panel_columns);
    stride_ = part * f_.staged_group_bytes + staged_gap;
    for (std::int64_t j = panel; j < panel + panels; j += width) {
      const std::int64_t end = std::min(panel + panels, j + width);
      first_row_ = row;
      first_column_ = j * panel_columns;
      for (std::int64_t group = 0; group < groups; group += part) {
        for (std::int64_t i = row; i < row + rows; i += height) {
          run_tiles(i, std::min(height, row + rows - i), j, end, group,
                    std::min(part, p_.groups() - group));
        }
      }
    }
  }

  void run_tiles(std::int64_t row, std::int64_t rows, std::int64_t panel, std::int64_t end,
                 std::int64_t group, std::int64_t groups) {
    const std::int64_t from = group * p_.depth;
    f_.stage(p_.x + row * p_.k, p_.k, rows, from, std::min(groups * p_.depth, p_.k - from), staged_,
             stride_);
    alignas(64) float sums[panel_rows * panel_columns];
    for (std::int64_t j = panel; j < end; ++j) {
      f_.multiply(rows, {staged_, stride_}, p_.panel(j, group), groups, sums);
      f_.finish(sums,
                results(row, rows, j * panel_columns, group == 0, group + groups >= p_.groups()));
    }
  }

  PackedResults<T> results(std::int64_t row, std::int64_t rows, std::int64_t column, bool is_first,
                           bool is_last) const {
    PackedResults<T> to{
        .out = p_.out + row * p_.n + column,
        .out_stride = p_.n,
        .waiting = waiting_ + (row - first_row_) * waiting_columns + (column - first_column_),
        .waiting_stride = waiting_columns,
        .around = p_.around.at(row * p_.n, column),
        .rows = rows,
        .columns = std::min(panel_columns, p_.n - column),
        .is_first = is_first,
        .is_last = is_last};
    if constexpr (std::is_same_v<T, float>) {
      to.waiting = to.out;
      to.waiting_stride = to.out_stride;
    }
    return to;
  }

  PackedProblem<T> p_;
  PackedFunctions<T> f_;
  std::byte* staged_;
  float* waiting_;
  std::int64_t stride_ = 0;
  std::int64_t first_row_ = 0, first_column_ = 0;
};

// How rows and panels are dealt to threads.
struct PackedGrid {
  std::int64_t by_rows = 1;
  std::int64_t by_panels = 1;
};

// As equal parts as there are for the threads that the work is worth; among equals those that share
// rows and part the weight.
inline PackedGrid packed_grid(std::int64_t m, std::int64_t panels, std::int64_t k,
                              std::int64_t weight_bytes, int threads) {
  constexpr double part_s_min = 15e-6, flops_per_s = 150e9;
  // From a third-level cache: in parts, a model's weights may fit the second-level ones.
  constexpr double bytes_per_s = 30e9;
  const double flops = 2.0 * static_cast<double>(m) * static_cast<double>(k) *
                       static_cast<double>(panels * panel_columns);
  const double seconds =
      std::max(flops / flops_per_s, static_cast<double>(weight_bytes) / bytes_per_s);
  const auto worth = static_cast<std::int64_t>(std::max(1.0, seconds / part_s_min));
  const std::int64_t wanted = std::min<std::int64_t>(threads, worth);
  PackedGrid best;
  std::int64_t best_share = m * panels;
  for (std::int64_t by_panels = std::min(wanted, panels); by_panels >= 1; --by_panels) {
    const std::int64_t by_rows =
        std::clamp<std::int64_t>(wanted / by_panels, 1, std::max<std::int64_t>(m, 1));
    const std::int64_t share =
        ((m + by_rows - 1) / by_rows) * ((panels + by_panels - 1) / by_panels);
    if (share >= best_share) continue;
    best_share = share;
    best = {by_rows, by_panels};
  }
  return best;
}

// The product over the current oneTBB arena. `workspace` has packed_workspace_bytes<T>() for each
// thread, aligned to 64.
template <typename T>
void multiply_packed_weight(const PackedProblem<T>& p, const PackedFunctions<T>& functions,
                            int threads, void* workspace) {
  if (p.m == 0 || p.n == 0) return;
  const std::int64_t panels = p.panels();
  const PackedGrid grid = packed_grid(p.m, panels, p.k, panels * p.groups() * group_bytes, threads);
  const auto part_of = [](std::int64_t count, std::int64_t parts, std::int64_t index) {
    return count * index / parts;
  };
  const auto piece = [&](std::int64_t index) {
    const std::int64_t i = index / grid.by_panels, j = index % grid.by_panels;
    const std::int64_t row = part_of(p.m, grid.by_rows, i);
    const std::int64_t panel = part_of(panels, grid.by_panels, j);
    std::byte* own =
        static_cast<std::byte*>(workspace) + workspace_part(threads) * packed_workspace_bytes<T>();
    PackedBlock<T>(p, functions, own)
        .run(row, part_of(p.m, grid.by_rows, i + 1) - row, panel,
             part_of(panels, grid.by_panels, j + 1) - panel);
  };
  const std::int64_t pieces = grid.by_rows * grid.by_panels;
  if (pieces == 1) return piece(0);
  parallel_pieces(pieces, piece);
}

}  // namespace paceline::kernels::cpu
