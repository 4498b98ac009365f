#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/support/parallel.h"

namespace paceline::kernels::cpu {

// The C interface of BLAS (LP64), as any implementation exports it.
inline constexpr int blas_row_major = 101;
inline constexpr int blas_no_transpose = 111;
inline constexpr int blas_transpose = 112;

template <typename T>
using Gemm = void (*)(int order, int transpose_a, int transpose_b, int m, int n, int k, T alpha,
                      const T* a, int a_stride, const T* b, int b_stride, T beta, T* c,
                      int c_stride);
template <typename T>
using Gemv = void (*)(int order, int transpose, int rows, int columns, T alpha, const T* matrix,
                      int stride, const T* x, int x_step, T beta, T* y, int y_step);

// The products of one implementation. Single-threaded, callable from many threads at once.
template <typename T>
struct Products {
  Gemm<T> matrix = nullptr;
  Gemv<T> vector = nullptr;
};

struct Blas {
  Products<float> of_floats;
  Products<double> of_doubles;

  template <typename T>
  const Products<T>& products() const {
    if constexpr (std::is_same_v<T, float>) {
      return of_floats;
    } else {
      return of_doubles;
    }
  }
};

// c = a * b, or c += a * b: row-major, m x n from m x k and k x n, or from their stored transposes.
template <typename T>
struct Product {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  const T* a = nullptr;
  std::int64_t a_stride = 0;
  bool transpose_a = false;
  const T* b = nullptr;
  std::int64_t b_stride = 0;
  bool transpose_b = false;
  T* c = nullptr;
  std::int64_t c_stride = 0;

  // The part that gives rows [row, row + rows) and columns [column, column + columns) of c.
  Product part(std::int64_t row, std::int64_t rows, std::int64_t column,
               std::int64_t columns) const {
    Product piece = *this;
    piece.m = rows;
    piece.n = columns;
    piece.a += transpose_a ? row : row * a_stride;
    piece.b += transpose_b ? column * b_stride : column;
    piece.c += row * c_stride + column;
    return piece;
  }
};

// One row of c.
template <typename T>
void multiply_one_row(const Products<T>& blas, const Product<T>& p, bool accumulate) {
  if (!accumulate) std::fill_n(p.c, p.n, T{0});
  blas.vector(blas_row_major, p.transpose_b ? blas_no_transpose : blas_transpose,
              static_cast<int>(p.transpose_b ? p.n : p.k),
              static_cast<int>(p.transpose_b ? p.k : p.n), T{1}, p.b, static_cast<int>(p.b_stride),
              p.a, p.transpose_a ? static_cast<int>(p.a_stride) : 1, T{1}, p.c, 1);
}

// Requires: p.k > 0, and rows of a, b and c that do not overlap.
template <typename T>
void multiply(const Products<T>& blas, const Product<T>& p, bool accumulate) {
  if (p.m == 1) return multiply_one_row(blas, p, accumulate);
  blas.matrix(blas_row_major, p.transpose_a ? blas_transpose : blas_no_transpose,
              p.transpose_b ? blas_transpose : blas_no_transpose, static_cast<int>(p.m),
              static_cast<int>(p.n), static_cast<int>(p.k), T{1}, p.a, static_cast<int>(p.a_stride),
              p.b, static_cast<int>(p.b_stride), accumulate ? T{1} : T{0}, p.c,
              static_cast<int>(p.c_stride));
}

// The part that only needs elements [from, from + count) of what is summed over.
template <typename T>
Product<T> summing(Product<T> p, std::int64_t from, std::int64_t count) {
  p.k = count;
  p.a += p.transpose_a ? from * p.a_stride : from;
  p.b += p.transpose_b ? from : from * p.b_stride;
  return p;
}

// The product when there is nothing to sum.
template <typename T>
void clear(const Product<T>& p, bool accumulate) {
  for (std::int64_t i = 0; i < p.m && !accumulate; ++i)
    std::fill_n(p.c + i * p.c_stride, p.n, T{0});
}

// c = a * b, or c += a * b, for stored rows anywhere: on top of each other, as a broadcast has
// them, or backwards. BLAS wants them apart, so such operands are taken row by row.
template <typename T>
void multiply_strided(const Products<T>& blas, const Product<T>& p, bool accumulate) {
  if (p.k == 0) return clear(p, accumulate);
  const std::int64_t width_a = p.transpose_a ? p.m : p.k, width_b = p.transpose_b ? p.k : p.n;
  const bool cut_a = p.a_stride < std::max<std::int64_t>(width_a, 1);
  const bool cut_b = p.b_stride < std::max<std::int64_t>(width_b, 1);
  if (!cut_a && !cut_b) return multiply(blas, p, accumulate);
  const auto one_row_of = [](Product<T> part, bool of_a, std::int64_t width) {
    (of_a ? part.a_stride : part.b_stride) = std::max<std::int64_t>(width, 1);
    return part;
  };
  if (cut_a && !p.transpose_a) {
    for (std::int64_t i = 0; i < p.m; ++i) {
      multiply_strided(blas, one_row_of(p.part(i, 1, 0, p.n), true, p.k), accumulate);
    }
  } else if (cut_b && p.transpose_b) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      multiply_strided(blas, one_row_of(p.part(0, p.m, j, 1), false, p.k), accumulate);
    }
  } else {
    for (std::int64_t i = 0; i < p.k; ++i) {
      Product<T> part = summing(p, i, 1);
      if (cut_a) part = one_row_of(part, true, width_a);
      if (cut_b) part = one_row_of(part, false, width_b);
      multiply_strided(blas, part, accumulate || i > 0);
    }
  }
}

// How a product is cut for a number of threads: along its longer side, in equal pieces of whole
// vectors, and not at all when a piece would be over before a thread has woken up.
struct Cut {
  bool by_rows = false;
  std::int64_t pieces = 1;
  std::int64_t extent = 0;  // Of a piece, along the side that is cut.
};

inline Cut cut_of(std::int64_t m, std::int64_t n, std::int64_t k, int threads) {
  constexpr double flops_per_piece_min = 2e5;
  constexpr std::int64_t granule = 16;
  const double flops =
      2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const auto affordable = static_cast<std::int64_t>(std::max(1.0, flops / flops_per_piece_min));
  const bool by_rows = m > n;
  const std::int64_t side = by_rows ? m : n;
  const std::int64_t wanted = std::min<std::int64_t>(threads, affordable);
  const std::int64_t extent = ((side + wanted - 1) / wanted + granule - 1) / granule * granule;
  const std::int64_t pieces = std::max<std::int64_t>((side + extent - 1) / extent, 1);
  return {by_rows, pieces, pieces == 1 ? side : extent};
}

// Part of a product's results.
struct Tile {
  std::int64_t row, rows, column, columns;
};

// Calls body(tile) for each piece of an m x n product, over the current oneTBB arena.
template <typename Body>
void parallel_tiles(const Cut& cut, std::int64_t m, std::int64_t n, const Body& body) {
  const auto piece = [&](std::int64_t index) {
    const std::int64_t start = index * cut.extent;
    const std::int64_t extent = std::min(cut.extent, (cut.by_rows ? m : n) - start);
    body(cut.by_rows ? Tile{start, extent, 0, n} : Tile{0, m, start, extent});
  };
  if (cut.pieces == 1) return piece(0);
  parallel_pieces(cut.pieces, piece);
}

// Computes the product in pieces over the current oneTBB arena. `fill(tile)` runs before each piece
// and says whether it left something in c to add to.
template <typename T, typename Fill>
void parallel_multiply(const Products<T>& blas, const Product<T>& product, int threads,
                       const Fill& fill) {
  parallel_tiles(
      cut_of(product.m, product.n, product.k, threads), product.m, product.n, [&](const Tile& t) {
        const bool accumulate = fill(t);
        multiply_strided(blas, product.part(t.row, t.rows, t.column, t.columns), accumulate);
      });
}

}  // namespace paceline::kernels::cpu
