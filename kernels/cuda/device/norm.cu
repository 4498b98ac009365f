#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/row_registers.cuh"
#include "kernels/cuda/device/row_runs.cuh"

namespace paceline::kernels::cuda {
namespace {

// 1 / sqrt(squares * share + epsilon) within 2^-22: a root and a division in double would take
// longer than the row.
__device__ __forceinline__ float inverse_root(double squares, double share, double epsilon) {
  return rsqrtf(static_cast<float>(squares * share + epsilon));
}

// Without a mean, for rows of at most `lanes` pieces of 16 bytes. Places of the walk are runs of
// `each` rows, which are `apart` from each other.
template <typename T, int lanes, int each, bool adds>
__global__ void __launch_bounds__(run_block_threads)
    norm_of_runs(NormRows rows, std::int64_t x_apart, std::int64_t residual_apart,
                 std::int64_t sum_apart, std::int64_t out_apart) {
  wait_for_earlier();
  constexpr int chunk = 16 / sizeof(T);
  const std::int64_t run =
      static_cast<std::int64_t>(blockIdx.x) * (run_block_threads / lanes) + threadIdx.x / lanes;
  const int first = threadIdx.x % lanes * chunk;
  const bool is_there = run < rows.rows.count && first < rows.width;
  std::int64_t at[4];
  rows.rows.find(min(run, rows.rows.count - 1), at);
  const T* from = static_cast<const T*>(rows.rows.data[0]) + at[0] + first;
  Vector<T, chunk> x[each], residual[each], weight{};
#pragma unroll
  for (int j = 0; j < each; ++j) {
    x[j] = {};
    if (is_there) x[j] = load_once<T, chunk>(from + j * x_apart);
  }
  if constexpr (adds) {
    from = static_cast<const T*>(rows.rows.data[1]) + at[1] + first;
#pragma unroll
    for (int j = 0; j < each; ++j) {
      residual[j] = {};
      if (is_there) residual[j] = load_once<T, chunk>(from + j * residual_apart);
    }
  }
  if (is_there) {
    weight = *reinterpret_cast<const Vector<T, chunk>*>(static_cast<const T*>(rows.weight) + first);
  }
  const float offset = static_cast<float>(rows.weight_offset);
  const float share = 1 / static_cast<float>(rows.width);
  const float epsilon = static_cast<float>(rows.epsilon);
#pragma unroll
  for (int j = 0; j < each; ++j) {
    if constexpr (adds) {
#pragma unroll
      for (int i = 0; i < chunk; ++i) {
        x[j].at[i] = narrow<T>(widen(x[j].at[i]) + widen(residual[j].at[i]));
      }
      T* sum = static_cast<T*>(rows.rows.data[2]) + at[2] + first;
      if (is_there) store_vector(sum + j * sum_apart, x[j]);
    }
    const float squares = sum_of_lanes<lanes>(sum_of_squares(x[j]));
    const float scale = rsqrtf(squares * share + epsilon);
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      x[j].at[i] = narrow<T>(widen(x[j].at[i]) * scale * (widen(weight.at[i]) + offset));
    }
    T* out = static_cast<T*>(rows.rows.data[3]) + at[3] + first;
    if (is_there) store_vector(out + j * out_apart, x[j]);
  }
}

// Many long rows, without a mean: a block has one after the other, the next one on its way while it
// norms this one. `rows_each`: of a block.
template <typename T, int size, int pieces, bool adds>
__global__ void __launch_bounds__(size, 2) norm_in_turn(NormRows rows, std::int64_t rows_each) {
  wait_for_earlier();
  constexpr int chunk = 16 / sizeof(T);
  using Piece = Vector<T, chunk>;
  const std::int64_t width = rows.width, first_row = blockIdx.x * rows_each;
  const std::int64_t last_row = min(first_row + rows_each, rows.rows.count);
  Pieces<T, size, pieces> weight;
  weight.load(rows.weight, width);
  const float offset = static_cast<float>(rows.weight_offset);
  const double share = 1 / static_cast<double>(width);
  const auto first_of = [&](int p) { return (threadIdx.x + p * size) * chunk; };
  Piece x[pieces], residual[pieces];
  const auto load = [&](std::int64_t row) {
    std::int64_t at[4];
    rows.rows.find(row, at);
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      x[p] = residual[p] = {};
      if (first_of(p) >= width) continue;
      x[p] = load_once<T, chunk>(static_cast<const T*>(rows.rows.data[0]) + at[0] + first_of(p));
      if constexpr (adds) {
        residual[p] =
            load_once<T, chunk>(static_cast<const T*>(rows.rows.data[1]) + at[1] + first_of(p));
      }
    }
  };
  load(first_row);
  for (std::int64_t row = first_row; row < last_row; ++row) {
    std::int64_t at[4];
    rows.rows.find(row, at);
    Piece own[pieces];
    double total = 0;
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      own[p] = x[p];
      if constexpr (adds) {
#pragma unroll
        for (int i = 0; i < chunk; ++i) {
          own[p].at[i] = narrow<T>(widen(x[p].at[i]) + widen(residual[p].at[i]));
        }
      }
      total += sum_of_squares(own[p]);
    }
    if (row + 1 < last_row) load(row + 1);
    if constexpr (adds) {
      T* sum = static_cast<T*>(rows.rows.data[2]) + at[2];
#pragma unroll
      for (int p = 0; p < pieces; ++p) {
        if (first_of(p) < width) store_vector(sum + first_of(p), own[p]);
      }
    }
    const float scale = inverse_root(Team<size>::all(total, AddUp{}), share, rows.epsilon);
    T* out = static_cast<T*>(rows.rows.data[3]) + at[3];
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
      if (first_of(p) >= width) continue;
#pragma unroll
      for (int i = 0; i < chunk; ++i) {
        own[p].at[i] = narrow<T>(widen(own[p].at[i]) * scale * (weight.element(p, i) + offset));
      }
      store_vector(out + first_of(p), own[p]);
    }
  }
}

template <typename T, int size, int pieces, bool is_layer>
__global__ void __launch_bounds__(Team<size>::block) norm_in_registers(NormRows rows) {
  wait_for_earlier();
  const std::int64_t row = Team<size>::row();
  if (row >= rows.rows.count) return;
  std::int64_t at[4];
  rows.rows.find(row, at);
  const std::int64_t width = rows.width;
  [[maybe_unused]] const double share = 1 / static_cast<double>(width);
  // They do not depend on x, so they are on their way with it.
  Pieces<T, size, pieces> weight;
  [[maybe_unused]] Pieces<T, size, pieces> bias;
  weight.load(rows.weight, width);
  if constexpr (is_layer) bias.load(rows.bias, width);
  Row<T, size, pieces> x;
  x.load(static_cast<const T*>(rows.rows.data[0]) + at[0], width, 0);
  if (rows.adds) {
    Row<T, size, pieces> residual;
    residual.load(static_cast<const T*>(rows.rows.data[1]) + at[1], width, 0);
#pragma unroll
    for (int p = 0; p < pieces; ++p) {
#pragma unroll
      for (int i = 0; i < x.chunk; ++i) {
        x.at[p][i] = widen(narrow<T>(x.at[p][i] + residual.at[p][i]));
      }
    }
    x.store(static_cast<T*>(rows.rows.data[2]) + at[2], width, [](float e, int, int) { return e; });
  }
  T* out = static_cast<T*>(rows.rows.data[3]) + at[3];
  if constexpr (is_layer) {
    const double mean = x.sum(width, [](double e) { return e; }) / width;
    const double variance = x.sum(width, [&](float e) { return (e - mean) * (e - mean); }) / width;
    const float shift = static_cast<float>(mean);
    const float factor = rsqrtf(static_cast<float>(variance + rows.epsilon));
    // The mean's last bits, for rows that lie far from 0.
    const float rest = static_cast<float>(mean - shift);
    x.store(out, width, [&](float e, int p, int i) {
      return (e - shift - rest) * factor * weight.element(p, i) + bias.element(p, i);
    });
  } else {
    const float scale =
        inverse_root(x.sum(width, [](float e) { return e * e; }), share, rows.epsilon);
    const float offset = static_cast<float>(rows.weight_offset);
    x.store(out, width,
            [&](float e, int p, int i) { return e * scale * (weight.element(p, i) + offset); });
  }
}

template <typename T, int size>
__global__ void __launch_bounds__(Team<size>::block) norm_of_any(NormRows rows) {
  wait_for_earlier();
  using C = Compute<T>;
  const std::int64_t row = Team<size>::row();
  if (row >= rows.rows.count) return;
  std::int64_t at[4];
  rows.rows.find(row, at);
  const std::int64_t width = rows.width;
  // After an addition the sums are read back, each by the thread that wrote it.
  const T* x = static_cast<const T*>(rows.rows.data[0]) + at[0];
  std::int64_t step = rows.steps[0];
  if (rows.adds) {
    const T* residual = static_cast<const T*>(rows.rows.data[1]) + at[1];
    T* sum = static_cast<T*>(rows.rows.data[2]) + at[2];
    each<Team<size>, size>(width, [&](std::int64_t i) {
      sum[i * rows.steps[2]] = narrow<T>(widen(x[i * step]) + widen(residual[i * rows.steps[1]]));
    });
    x = sum;
    step = rows.steps[2];
  }
  T* out = static_cast<T*>(rows.rows.data[3]) + at[3];
  const T* weight = static_cast<const T*>(rows.weight);
  const auto element = [&](std::int64_t i) { return static_cast<double>(widen(x[i * step])); };
  if (rows.is_layer) {
    const T* bias = static_cast<const T*>(rows.bias);
    double sum = 0;
    each<Team<size>, size>(width, [&](std::int64_t i) { sum += element(i); });
    const double mean = Team<size>::all(sum, AddUp{}) / width;
    double squares = 0;
    each<Team<size>, size>(width, [&](std::int64_t i) {
      const double distance = element(i) - mean;
      squares += distance * distance;
    });
    const double scale = 1 / sqrt(Team<size>::all(squares, AddUp{}) / width + rows.epsilon);
    each<Team<size>, size>(width, [&](std::int64_t i) {
      out[i * rows.steps[3]] = narrow<T>(
          (element(i) - mean) * scale * static_cast<double>(widen(weight[i * rows.weight_step])) +
          static_cast<double>(widen(bias[i * rows.bias_step])));
    });
    return;
  }
  double squares = 0;
  each<Team<size>, size>(width, [&](std::int64_t i) { squares += element(i) * element(i); });
  const double mean = Team<size>::all(squares, AddUp{}) / width;
  const C scale = static_cast<C>(1 / sqrt(mean + rows.epsilon));
  const C offset = static_cast<C>(rows.weight_offset);
  each<Team<size>, size>(width, [&](std::int64_t i) {
    out[i * rows.steps[3]] =
        narrow<T>(widen(x[i * step]) * scale * (widen(weight[i * rows.weight_step]) + offset));
  });
}

bool is_piecewise(const void* vector, std::int64_t step) {
  return vector == nullptr || (step == 1 && reinterpret_cast<std::uintptr_t>(vector) % 16 == 0);
}

template <typename T, int lanes, int each>
bool start_runs(NormRows rows, const LaunchPlace& place) {
  std::int64_t apart[4];
  if (!split_into_runs(rows.rows, each, apart)) return false;
  const auto kernel =
      rows.adds ? norm_of_runs<T, lanes, each, true> : norm_of_runs<T, lanes, each, false>;
  start_kernel(kernel, run_blocks(rows.rows.count, lanes), run_block_threads, 0, place, rows,
               apart[0], apart[1], apart[2], apart[3]);
  return true;
}

// False: rows are too long for one piece a lane. Requires: takes_pieces(rows).
template <typename T>
bool start_short_rows(const NormRows& rows, const LaunchPlace& place) {
  const std::int64_t bytes = rows.width * static_cast<std::int64_t>(sizeof(T));
  const auto start = [&]<int lanes>() {
    if (run_length(rows.rows.count, lanes) > 1 && start_runs<T, lanes, run_rows>(rows, place)) {
      return true;
    }
    return start_runs<T, lanes, 1>(rows, place);
  };
  if (bytes <= 8 * 16) return start.template operator()<8>();
  if (bytes <= 16 * 16) return start.template operator()<16>();
  return bytes <= 32 * 16 && start.template operator()<32>();
}

// False: rows are too few or too short to come one after the other, or too long. Requires:
// takes_pieces(rows).
template <typename T>
bool start_in_turn(const NormRows& rows, const LaunchPlace& place) {
  constexpr int size = 256, blocks = 2 * 132;
  const std::int64_t count = rows.rows.count;
  const std::int64_t bytes = rows.width * static_cast<std::int64_t>(sizeof(T));
  if (count < 4 * blocks || bytes < 4096 || bytes > size * 4 * 16) return false;
  const std::int64_t rows_each = (count + blocks - 1) / blocks;
  const auto start = [&](auto kernel) {
    start_kernel(kernel, static_cast<unsigned>((count + rows_each - 1) / rows_each), size, 0, place,
                 rows, rows_each);
  };
  if (bytes <= size * 2 * 16) {
    start(rows.adds ? norm_in_turn<T, size, 2, true> : norm_in_turn<T, size, 2, false>);
  } else {
    start(rows.adds ? norm_in_turn<T, size, 4, true> : norm_in_turn<T, size, 4, false>);
  }
  return true;
}

}  // namespace

void launch_norm(const NormRows& rows, Element dtype, const LaunchPlace& place) {
  const std::int64_t count = rows.rows.count;
  if (count == 0 || rows.width == 0) return;
  visit_floats(dtype, [&]<typename T>() {
    if constexpr (sizeof(T) <= 4) {
      const auto in_registers = [&]<int size, int pieces>() {
        const auto kernel = rows.is_layer ? norm_in_registers<T, size, pieces, true>
                                          : norm_in_registers<T, size, pieces, false>;
        start_kernel(kernel, row_blocks<size>(count), Team<size>::block, 0, place, rows);
      };
      if (takes_pieces(rows, sizeof(T)) && is_piecewise(rows.weight, rows.weight_step) &&
          is_piecewise(rows.bias, rows.bias_step)) {
        if (!rows.is_layer && (start_short_rows<T>(rows, place) || start_in_turn<T>(rows, place))) {
          return;
        }
        if (visit_row_size(rows.width * sizeof(T), count, in_registers)) return;
      }
    }
    visit_team(rows.width, rows.steps[0] == 1, count, [&]<int size>() {
      start_kernel(norm_of_any<T, size>, row_blocks<size>(count), Team<size>::block, 0, place,
                   rows);
    });
  });
}

}  // namespace paceline::kernels::cuda
