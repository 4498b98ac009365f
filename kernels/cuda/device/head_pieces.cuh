#pragma once

#include "kernels/cuda/device/row_runs.cuh"
#include "kernels/cuda/device/stream.cuh"

// A row that is rotated in pairs, as pieces of 16 bytes: a lane has two of them, so that whoever
// has an element of a pair has the other one as well.
namespace paceline::kernels::cuda {

template <typename T>
struct HeadPieces {
  static constexpr int chunk = 16 / sizeof(T);
  static constexpr int pair = 2 * chunk;  // Elements of a lane.
  using Piece = Vector<T, chunk>;
  Piece a, b;

  __device__ __forceinline__ void load(const T* row, int first, int second) {
    a = load_once<T, chunk>(row + first);
    b = load_once<T, chunk>(row + second);
  }
  __device__ __forceinline__ void store(T* row, int first, int second) const {
    store_vector(row + first, a);
    store_vector(row + second, b);
  }
  // Element i of pair number i, and the other one.
  template <bool is_interleaved>
  __device__ __forceinline__ void rotate(const Piece& cosines, const Piece& sines) {
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      T* x;
      T* y;
      if constexpr (is_interleaved) {
        Piece& of = i < chunk / 2 ? a : b;
        x = &of.at[2 * i % chunk];
        y = &of.at[2 * i % chunk + 1];
      } else {
        x = &a.at[i];
        y = &b.at[i];
      }
      const auto c = widen(cosines.at[i]), s = widen(sines.at[i]), p = widen(*x), q = widen(*y);
      *x = narrow<T>(p * c - q * s);
      *y = narrow<T>(q * c + p * s);
    }
  }
};

// Which elements lane `lane` of a row has: those of pairs lane * chunk and on where there are any,
// else two pieces that stay as they are, behind all pairs.
struct PieceParts {
  int first, second, angle;  // Where its two pieces begin, and its cosines and sines.
  bool is_rotated;

  __device__ __forceinline__ PieceParts(int lane, int chunk, int pairs, bool is_interleaved) {
    angle = lane * chunk;
    is_rotated = angle < pairs;
    const bool is_apart = is_rotated && !is_interleaved;
    first = is_apart ? angle : 2 * angle;
    second = first + (is_apart ? pairs : chunk);
  }
};

// Whether a row is whole lanes of pieces, at most 32 of them.
template <typename T>
bool has_whole_lanes(std::int64_t width, std::int64_t pairs) {
  constexpr std::int64_t chunk = 16 / sizeof(T);
  return width % (2 * chunk) == 0 && pairs % chunk == 0 && width <= 32 * 2 * chunk;
}

// Calls visit.template operator()<lanes>() for rows of so many lanes, 32 at most.
template <typename Visit>
void visit_lanes(std::int64_t lanes, Visit&& visit) {
  if (lanes <= 8) return visit.template operator()<8>();
  if (lanes <= 16) return visit.template operator()<16>();
  visit.template operator()<32>();
}

}  // namespace paceline::kernels::cuda
