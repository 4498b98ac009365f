#pragma once

#include "kernels/cuda/device/norms.h"
#include "kernels/cuda/device/stream.cuh"
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
    Vector<T, chunk> loaded[pieces];  // All on their way before the first is looked at.
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      const std::int64_t first = (Team<size>::rank() + p * size) * chunk;
      if (first < width) loaded[p] = load_once<T, chunk>(from + first);
    }
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      const bool is_within = (Team<size>::rank() + p * size) * chunk < width;
#pragma unroll
      for (int i = 0; i < chunk; ++i) at[p][i] = is_within ? widen(loaded[p].at[i]) : beyond;
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

  // The sum of f(element) over the whole row; elements beyond it do not count. Pieces are summed in
  // the type of f's results, by pairs; their sums in double.
  template <typename F>
  __device__ __forceinline__ double sum(std::int64_t width, F f) const {
    double total = 0;
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      if ((Team<size>::rank() + p * size) * chunk >= width) continue;
      decltype(f(at[p][0])) part[chunk];
#pragma unroll
      for (int i = 0; i < chunk; ++i) part[i] = f(at[p][i]);
#pragma unroll
      for (int apart = chunk / 2; apart > 0; apart /= 2) {
#pragma unroll
        for (int i = 0; i < apart; ++i) part[i] += part[i + apart];
      }
      total += part[0];
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

// Calls visit.template operator()<size, pieces>() for `count` rows of that many bytes; false when
// they are too long for registers. Few rows are spread over more threads: what they wait for is
// one memory access. Many rows keep several in flight in each thread.
template <typename Visit>
bool visit_row_size(std::int64_t row_bytes, std::int64_t count, Visit&& visit) {
  const bool are_many = count >= 512;
  if (row_bytes <= 32 * 16) {
    visit.template operator()<32, 1>();
  } else if (row_bytes <= 32 * 4 * 16) {
    visit.template operator()<32, 4>();
  } else if (are_many && row_bytes <= 128 * 4 * 16) {
    visit.template operator()<128, 4>();
  } else if (are_many && row_bytes <= 256 * 4 * 16) {
    visit.template operator()<256, 4>();
  } else if (are_many && row_bytes <= 512 * 4 * 16) {
    visit.template operator()<512, 4>();
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
