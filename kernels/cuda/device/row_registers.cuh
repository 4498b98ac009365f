#pragma once

#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/team.cuh"
#include "kernels/cuda/device/types.cuh"

// Rows that are read once, kept in registers, and written once.
namespace paceline::kernels::cuda {

// A vector as it lies in memory, in the same pieces as the rows that meet it.
template <typename T, int size, int pieces>
struct Pieces {
  static constexpr int chunk = 16 / sizeof(T);
  Vector<T, chunk> at[pieces];

  __device__ __forceinline__ void load(const void* from, std::int64_t width) {
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      const std::int64_t first = (Team<size>::rank() + p * size) * chunk;
      if (first < width) {
        at[p] = *reinterpret_cast<const Vector<T, chunk>*>(static_cast<const T*>(from) + first);
      }
    }
  }
  __device__ __forceinline__ Compute<T> element(int p, int i) const { return widen(at[p].at[i]); }
};

// A row of 16-byte pieces, spread over a team.
template <typename T, int size, int pieces>
struct Row {
  static constexpr int chunk = 16 / sizeof(T);
  Compute<T> at[pieces][chunk];

  // Elements beyond `width`, a multiple of `chunk`, become `beyond`.
  __device__ __forceinline__ void load(const T* from, std::int64_t width, Compute<T> beyond) {
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      const std::int64_t first = (Team<size>::rank() + p * size) * chunk;
      Vector<T, chunk> piece;
      if (first < width) piece = *reinterpret_cast<const Vector<T, chunk>*>(from + first);
#pragma unroll
      for (int i = 0; i < chunk; ++i) at[p][i] = first < width ? widen(piece.at[i]) : beyond;
    }
  }

  // f(element, its index in the row) is stored, rounded.
  template <typename F>
  __device__ __forceinline__ void store(T* to, std::int64_t width, F f) const {
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      const std::int64_t first = (Team<size>::rank() + p * size) * chunk;
      if (first >= width) continue;
      Vector<T, chunk> piece;
#pragma unroll
      for (int i = 0; i < chunk; ++i) piece.at[i] = narrow<T>(f(at[p][i], p, i));
      *reinterpret_cast<Vector<T, chunk>*>(to + first) = piece;
    }
  }

  // The sum of f(element) over the whole row; elements beyond it do not count.
  template <typename F>
  __device__ __forceinline__ double sum(std::int64_t width, F f) const {
    double total = 0;
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      if ((Team<size>::rank() + p * size) * chunk >= width) continue;
#pragma unroll
      for (int i = 0; i < chunk; ++i) total += f(at[p][i]);
    }
    return Team<size>::all(total, AddUp{});
  }
};

// Whether rows can be read and written in pieces of 16 bytes.
template <int operands>
bool takes_pieces(const RowsOf<operands>& rows, std::int32_t element_bytes) {
  const std::int64_t chunk = 16 / element_bytes;
  if (rows.width % chunk != 0) return false;
  for (int i = 0; i < operands; ++i) {
    if (rows.steps[i] != 1) return false;
    if (reinterpret_cast<std::uintptr_t>(rows.rows.data[i]) % 16 != 0) return false;
    for (int axis = 0; axis < rows.rows.rank; ++axis) {
      if (rows.rows.strides[i][axis] % chunk != 0) return false;
    }
  }
  return true;
}

template <int size>
unsigned row_blocks(std::int64_t rows) {
  constexpr int each = Team<size>::block / size;
  return static_cast<unsigned>((rows + each - 1) / each);
}

// Calls visit.template operator()<size, pieces>() for rows of that many bytes; false when they are
// too long for registers.
template <typename Visit>
bool visit_row_size(std::int64_t row_bytes, Visit&& visit) {
  if (row_bytes <= 32 * 16) {
    visit.template operator()<32, 1>();
  } else if (row_bytes <= 32 * 4 * 16) {
    visit.template operator()<32, 4>();
  } else if (row_bytes <= 256 * 2 * 16) {
    visit.template operator()<256, 2>();
  } else if (row_bytes <= 1024 * 2 * 16) {
    visit.template operator()<1024, 2>();
  } else {
    return false;
  }
  return true;
}

// Calls visit.template operator()<size>() for rows that are read element by element. Rows whose
// elements lie apart are taken by a thread each where there are many.
template <typename Visit>
void visit_team(std::int64_t width, bool is_contiguous, std::int64_t count, Visit&& visit) {
  if (width <= 4 || (!is_contiguous && count >= 4096)) {
    visit.template operator()<1>();
  } else if (width <= 1024) {
    visit.template operator()<32>();
  } else {
    visit.template operator()<1024>();
  }
}

}  // namespace paceline::kernels::cuda
