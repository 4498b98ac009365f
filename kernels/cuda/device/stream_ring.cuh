#pragma once

#include <algorithm>

#include "kernels/cuda/device/attention_barriers.cuh"
#include "kernels/cuda/device/final_activation.cuh"
#include "kernels/cuda/device/floats.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/stream_rows.h"

// What kernels share that bring a block's weight rows through a ring of stages in shared memory,
// and sum over slices of them: one warp brings, the others multiply.
namespace paceline::kernels::cuda {

namespace stream {

constexpr int warps = 8, consumers = 32 * warps;  // That multiply; one more warp brings weights.
constexpr int block_threads = consumers + 32;
constexpr int multiprocessors = 132;
constexpr int stage_bytes_wanted = 32 << 10;
// Two blocks fit beside each other, so that the next kernel's weights come while this one runs.
constexpr int ring_bytes_max = 96 << 10, shared_bytes_max = 200 << 10;
constexpr int stages_max = 16;

// How a block's share of the columns lies in its shared memory: a ring of `stages` stages of
// `stage_rows` weight rows, then x, then the parts of sums.
struct Ring {
  std::int32_t stages, stage_rows, row_bytes;
  std::int32_t columns;  // Of a block; of each of both weights where they are gated.
  std::int32_t slices;   // Warps that share a weight row: a power of two.
  std::int32_t x_at, sums_at;
};

// The weight rows of this block: those of its columns, one part after the other.
struct Share {
  std::int64_t first;  // Column among those of all parts.
  int columns, rows;

  __device__ Share(const StreamArguments& p, const Ring& ring, std::int64_t all_columns) {
    first = static_cast<std::int64_t>(blockIdx.x) * ring.columns;
    columns = static_cast<int>(min(static_cast<std::int64_t>(ring.columns), all_columns - first));
    rows = p.is_gated ? 2 * columns : columns;
  }
};

// A column of a part, and how many of the share follow it there, itself included.
struct Place {
  int part;
  std::int64_t column;
  int run;

  __device__ Place(const StreamArguments& p, const Share& share, int row) {
    if (p.is_gated) {
      part = row >= share.columns ? 1 : 0;
      const int own = row - part * share.columns;
      column = share.first + own;
      run = share.columns - own;
      return;
    }
    part = 0;
    column = share.first + row;
    while (column >= p.parts[part].columns) column -= p.parts[part++].columns;
    run = static_cast<int>(
        min(static_cast<std::int64_t>(share.rows - row), p.parts[part].columns - column));
  }
};

__device__ inline void expect_bytes(std::uint64_t* barrier, int bytes) {
  asm volatile(
      "mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)),
      "r"(bytes)
      : "memory");
}

// `bytes` and both addresses are multiples of 16.
__device__ inline void bring(void* to, const void* from, int bytes, std::uint64_t* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}

// One stage: weight rows from `row` on, as far as they go. One thread.
__device__ inline void bring_stage(const StreamArguments& p, const Ring& ring, const Share& share,
                                   int row, char* to, std::uint64_t* barrier) {
  const int end = min(row + ring.stage_rows, share.rows);
  expect_bytes(barrier, (end - row) * ring.row_bytes);
  while (row < end) {
    const Place place(p, share, row);
    const int run = min(place.run, end - row);
    bring(to, static_cast<const char*>(p.parts[place.part].weight) + place.column * ring.row_bytes,
          run * ring.row_bytes, barrier);
    to += run * ring.row_bytes;
    row += run;
  }
}

struct Barriers {
  std::uint64_t full[stages_max], empty[stages_max];
};

// Before anything else of the stream is over: barriers, and weights that last. All threads.
__device__ inline void prefetch_weights(const StreamArguments& p, const Ring& ring,
                                        std::int64_t all_columns, char* stages,
                                        Barriers& barriers) {
  const Share share(p, ring, all_columns);
  if (threadIdx.x == 0 && p.norm != nullptr) prefetch(p.norm, ring.row_bytes);
  if (threadIdx.x == consumers) {
    for (int i = 0; i < ring.stages; ++i) {
      open_barrier(&barriers.full[i], 1);
      open_barrier(&barriers.empty[i], warps);
    }
    show_barriers();
    if (p.weights_last) {
      for (int i = 0; i < ring.stages && i * ring.stage_rows < share.rows; ++i) {
        bring_stage(p, ring, share, i * ring.stage_rows,
                    stages + i * ring.stage_rows * ring.row_bytes, &barriers.full[i]);
      }
    }
  }
  __syncthreads();
}

// The warp that brings what did not come before; one thread of it.
__device__ inline void bring_weights(const StreamArguments& p, const Ring& ring, const Share& share,
                                     char* stages, Barriers& barriers) {
  int number = p.weights_last ? ring.stages : 0;
  for (int row = number * ring.stage_rows; row < share.rows; row += ring.stage_rows, ++number) {
    const int slot = number % ring.stages, round = number / ring.stages;
    if (round > 0) await(&barriers.empty[slot], (round - 1) % 2);
    bring_stage(p, ring, share, row, stages + slot * ring.stage_rows * ring.row_bytes,
                &barriers.full[slot]);
  }
}

__device__ inline void sync_consumers() {
  asm volatile("bar.sync 1, %0;" ::"n"(consumers) : "memory");
}

// Results of the share: rows of x by its columns.
struct Result {
  int row, own;
  std::int64_t column, at;
  const StreamPart* part;

  __device__ Result(const StreamArguments& p, const Share& share, int number) {
    row = number / share.columns;
    own = number - row * share.columns;
    const Place place(p, share, own);
    column = place.column;
    part = &p.parts[place.part];
    at = row * part->columns + column;
  }
};

template <typename T>
__device__ float added(const StreamArguments& p, const Result& result) {
  float sum = 0;
  if (result.row >= p.rows) return sum;
  if (result.part->bias != nullptr) {
    sum += widen(static_cast<const T*>(result.part->bias)[result.column]);
  }
  if (p.residual != nullptr) sum += widen(static_cast<const T*>(p.residual)[result.at]);
  return sum;
}

// By 1 / root mean square of a row, from the squares of its slices.
__device__ inline float scale_of(const StreamArguments& p, const Ring& ring, const float* squares) {
  float sum = 0;
  for (int s = 0; s < ring.slices; ++s) sum += squares[s];
  return 1 / sqrtf(sum / static_cast<float>(p.depth) + static_cast<float>(p.epsilon));
}

// Sums of slices to results. The consumers; `early` is what is added to each one's first result.
// `squares`, of each row and slice, scale the sums of a row; null where they are final.
template <typename T, int rows>
__device__ void finish(const StreamArguments& p, const Ring& ring, const Share& share,
                       const float* sums, const float* squares, float early) {
  for (int i = threadIdx.x; i < share.columns * rows; i += consumers) {
    const Result result(p, share, i);
    if (result.row >= p.rows) continue;
    const float scale = squares != nullptr ? scale_of(p, ring, squares + result.row * warps) : 1;
    const auto sum_of = [&](int weight_row) {
      const float* parts = sums + (result.row * share.rows + weight_row) * ring.slices;
      float sum = 0;
      for (int s = 0; s < ring.slices; ++s) sum += parts[s];
      return sum * scale;
    };
    float sum = sum_of(result.own);
    sum += i == threadIdx.x ? early : added<T>(p, result);
    sum = activate(p.activation, sum);
    if (p.is_gated) sum *= sum_of(share.columns + result.own);
    static_cast<T*>(result.part->out)[result.at] = narrow<T>(sum);
  }
}

inline std::int64_t columns_of(const StreamArguments& p) {
  if (p.is_gated) return p.parts[0].columns;
  std::int64_t columns = 0;
  for (int i = 0; i < p.part_count; ++i) columns += p.parts[i].columns;
  return columns;
}

struct Shape {
  Ring ring;
  unsigned blocks;
  int shared_bytes;
};

// What a launch is made of.
struct Wanted {
  int rows;                // Of x.
  std::int64_t row_bytes;  // Of a weight row.
  int slices;              // Ring::slices.
  int x_bytes;             // Shared memory for x.
  int granule = 1;         // Copies are of multiples of so many weight rows.
};

inline int round_up(std::int64_t count, int granule) {
  return static_cast<int>((count + granule - 1) / granule * granule);
}

inline Shape shape_of(const StreamArguments& p, const Wanted& wanted) {
  const std::int64_t columns = columns_of(p);
  Shape shape{};
  Ring& ring = shape.ring;
  ring.row_bytes = static_cast<std::int32_t>(wanted.row_bytes);
  ring.slices = wanted.slices;
  // Sums of a block's columns lie in its shared memory: very many columns take more blocks.
  const int weights = p.is_gated ? 2 : 1;
  const int sum_bytes = weights * wanted.rows * ring.slices * static_cast<int>(sizeof(float));
  const std::int64_t rounds = columns * sum_bytes / (multiprocessors * (24 << 10)) + 1;
  const std::int64_t blocks = multiprocessors * rounds;
  ring.columns = round_up((columns + blocks - 1) / blocks, wanted.granule);
  shape.blocks = static_cast<unsigned>((columns + ring.columns - 1) / ring.columns);
  const int weight_rows = ring.columns * weights;
  // Every warp has a row of a stage, or several.
  const int groups = std::max(warps / ring.slices, wanted.granule);
  const int most_rows = std::max(groups, stage_bytes_wanted / ring.row_bytes / groups * groups);
  ring.stage_rows = std::min(most_rows, weight_rows);
  const int sums_bytes = round_up(ring.columns * sum_bytes, 16);
  const int ring_bytes = std::min(ring_bytes_max, shared_bytes_max - sums_bytes - wanted.x_bytes);
  const int stage_bytes = round_up(ring.stage_rows * ring.row_bytes, 16);
  const int all_stages = (weight_rows + ring.stage_rows - 1) / ring.stage_rows;
  ring.stages = std::max(1, std::min({ring_bytes / stage_bytes, all_stages, stages_max}));
  ring.x_at = ring.stages * stage_bytes;
  ring.sums_at = ring.x_at + wanted.x_bytes;
  shape.shared_bytes = ring.sums_at + sums_bytes;
  return shape;
}

}  // namespace stream

}  // namespace paceline::kernels::cuda
