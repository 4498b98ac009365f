#include "kernels/cuda/device/head_append.h"

#include "kernels/cuda/device/fault.h"
#include "kernels/cuda/device/head_pieces.cuh"
#include "kernels/cuda/device/launch.cuh"
#include "kernels/cuda/device/vectors.cuh"

namespace paceline::kernels::cuda {
namespace {

// Where one head of one position lies, comes to lie, and what it is normed by.
template <typename T>
struct HeadRow {
  const T *from = nullptr, *norm = nullptr;
  T* to = nullptr;
  int width = 0;
  bool is_rotated = false;
};

// Row `row` of a position: heads of q, then of k, then of v.
template <typename T>
__device__ __forceinline__ HeadRow<T> head_row(const HeadAppend& of, std::int64_t batch,
                                               std::int64_t position, int row, std::int64_t start) {
  const int heads = static_cast<int>(of.heads), groups = static_cast<int>(of.groups);
  if (row < heads) {
    return {
        static_cast<const T*>(of.q) + batch * of.q_strides[0] + position * of.q_strides[1] +
            row * of.width,
        static_cast<const T*>(of.q_norm),
        static_cast<T*>(of.q_out) + ((batch * of.heads + row) * of.positions + position) * of.width,
        static_cast<int>(of.width), true};
  }
  if (row < heads + groups) {
    const int group = row - heads;
    return {static_cast<const T*>(of.k) + batch * of.k_strides[0] + position * of.k_strides[1] +
                group * of.width,
            static_cast<const T*>(of.k_norm),
            static_cast<T*>(of.keys) +
                ((batch * of.groups + group) * of.capacity + start + position) * of.width,
            static_cast<int>(of.width), true};
  }
  const int group = row - heads - groups;
  return {static_cast<const T*>(of.v) + batch * of.v_strides[0] + position * of.v_strides[1] +
              group * of.value_width,
          nullptr,
          static_cast<T*>(of.values) +
              ((batch * of.groups + group) * of.capacity + start + position) * of.value_width,
          static_cast<int>(of.value_width), false};
}

// Where rows are written; negative: they would not fit, which is reported.
__device__ __forceinline__ std::int64_t start_of(const HeadAppend& of, const FaultPlace& fault) {
  const std::int64_t start = of.start.late != nullptr ? *of.start.late : of.start.value;
  if (start >= 0 && start + of.positions <= of.capacity) return start;
  if (blockIdx.x == 0 && threadIdx.x == 0) {
    fault.report(fault_outside, start, 0, of.capacity - of.positions + 1);
  }
  return -1;
}

// Of a thread, where there are many: registers of few enough to hide the waits.
constexpr int pair_rows = 2;

// What a lane has of a row, in float: pieces of 16 bytes each.
template <typename T, bool is_interleaved>
struct WidePieces {
  static constexpr int chunk = HeadPieces<T>::chunk;
  float a[chunk], b[chunk];

  __device__ __forceinline__ WidePieces(const uint4& first, const uint4& second) {
    unpack(first, a, T{});
    unpack(second, b, T{});
  }
  __device__ __forceinline__ float squares() const {
    float even = 0, odd = 0;
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      even = fmaf(a[i], a[i], even);
      odd = fmaf(b[i], b[i], odd);
    }
    return even + odd;
  }
  // Scaled, weighed, and rounded.
  __device__ __forceinline__ void norm(float scale, float offset, const uint4& first,
                                       const uint4& second) {
    float weight[chunk];
    unpack(first, weight, T{});
#pragma unroll
    for (int i = 0; i < chunk; ++i) a[i] = a[i] * scale * (weight[i] + offset);
    unpack(second, weight, T{});
#pragma unroll
    for (int i = 0; i < chunk; ++i) b[i] = b[i] * scale * (weight[i] + offset);
    unpack(pack(a, T{}), a, T{});
    unpack(pack(b, T{}), b, T{});
  }
  __device__ __forceinline__ void rotate(const uint4& cosines, const uint4& sines) {
    float cosine[chunk], sine[chunk];
    unpack(cosines, cosine, T{});
    unpack(sines, sine, T{});
#pragma unroll
    for (int i = 0; i < chunk; ++i) {
      float(&of)[chunk] = i < chunk / 2 ? a : b;
      float& x = is_interleaved ? of[2 * i % chunk] : a[i];
      float& y = is_interleaved ? of[2 * i % chunk + 1] : b[i];
      const float p = x, q = y;
      x = p * cosine[i] - q * sine[i];
      y = q * cosine[i] + p * sine[i];
    }
  }
};

template <typename T>
__device__ __forceinline__ uint4 load_piece(const T* from) {
  return *reinterpret_cast<const uint4*>(from);
}
template <typename T>
__device__ __forceinline__ uint4 load_piece_once(const T* from) {
  const auto words = load_once<unsigned, 4>(reinterpret_cast<const unsigned*>(from));
  return make_uint4(words.at[0], words.at[1], words.at[2], words.at[3]);
}
template <typename T>
__device__ __forceinline__ void store_piece(T* to, const uint4& piece) {
  *reinterpret_cast<uint4*>(to) = piece;
}

// A team of `lanes` has `each` rows of one position. `slots`: teams of a position.
template <typename T, int lanes, int each, bool is_interleaved>
__global__ void __launch_bounds__(run_block_threads, 4)
    append_pieces(HeadAppend of, Divisor slots, Divisor positions, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t start = start_of(of, fault);
  if (start < 0) return;
  constexpr int chunk = HeadPieces<T>::chunk;
  const unsigned team = (blockIdx.x * blockDim.x + threadIdx.x) / lanes;
  const unsigned place = slots.quotient(team), batch = positions.quotient(place);
  const int lane = threadIdx.x % lanes;
  const int first_row = static_cast<int>(team - place * slots.divisor) * each;
  const unsigned position = place - batch * positions.divisor;
  const int rows = batch < of.batch ? static_cast<int>(of.heads + 2 * of.groups) : 0;

  const PieceParts parts(lane, chunk, static_cast<int>(of.pairs), is_interleaved);
  uint4 pieces[each][2] = {}, cosines{}, sines{};
  HeadRow<T> row[each];
  bool is_there[each];
#pragma unroll
  for (int j = 0; j < each; ++j) {
    is_there[j] = false;
    if (first_row + j >= rows) continue;
    row[j] = head_row<T>(of, batch, position, first_row + j, start);
    is_there[j] = 2 * parts.angle < row[j].width;
    if (!is_there[j]) continue;
    // What is not rotated may be of another width, and lies in order.
    const int first = row[j].is_rotated ? parts.first : 2 * parts.angle;
    const int second = row[j].is_rotated ? parts.second : first + chunk;
    pieces[j][0] = load_piece_once(row[j].from + first);
    pieces[j][1] = load_piece_once(row[j].from + second);
  }
  if (rows > 0 && parts.is_rotated) {
    const std::int64_t angle = position * of.pairs + parts.angle;
    cosines = load_piece(static_cast<const T*>(of.cosines) + angle);
    sines = load_piece(static_cast<const T*>(of.sines) + angle);
  }
  const auto offset = static_cast<float>(of.weight_offset);
  const auto epsilon = static_cast<float>(of.epsilon);
  const float share = 1 / static_cast<float>(of.width);
#pragma unroll
  for (int j = 0; j < each; ++j) {
    WidePieces<T, is_interleaved> wide(pieces[j][0], pieces[j][1]);
    if (of.q_norm != nullptr) {  // The same for all threads.
      uint4 first{}, second{};
      if (is_there[j] && row[j].norm != nullptr) {
        first = load_piece(row[j].norm + parts.first);
        second = load_piece(row[j].norm + parts.second);
      }
      const float squares = sum_of_lanes<lanes>(wide.squares());
      wide.norm(rsqrtf(squares * share + epsilon), offset, first, second);
    }
    if (!is_there[j]) continue;
    if (!row[j].is_rotated) {
      store_piece(row[j].to + 2 * parts.angle, pieces[j][0]);
      store_piece(row[j].to + 2 * parts.angle + chunk, pieces[j][1]);
      continue;
    }
    if (parts.is_rotated) wide.rotate(cosines, sines);
    store_piece(row[j].to + parts.first, pack(wide.a, T{}));
    store_piece(row[j].to + parts.second, pack(wide.b, T{}));
  }
}

template <typename T>
__device__ __forceinline__ const void* late_address(const HeadAppend& of, const void* data,
                                                    std::int32_t offset) {
  return offset < 0 ? data : static_cast<const T*>(data) + of.late[offset];
}

// Any widths and addresses: a warp a row.
template <typename T>
__global__ void __launch_bounds__(run_block_threads)
    append_elements(HeadAppend of, FaultPlace fault) {
  wait_for_earlier();
  const std::int64_t start = start_of(of, fault);
  if (start < 0) return;
  of.q = late_address<T>(of, of.q, of.late_q);
  of.k = late_address<T>(of, of.k, of.late_k);
  of.v = late_address<T>(of, of.v, of.late_v);
  of.cosines = late_address<T>(of, of.cosines, of.late_cosines);
  of.sines = late_address<T>(of, of.sines, of.late_sines);
  using C = Compute<T>;
  const std::int64_t warp =
      (static_cast<std::int64_t>(blockIdx.x) * run_block_threads + threadIdx.x) / 32;
  const std::int64_t rows = of.heads + 2 * of.groups, place = warp / rows;
  const std::int64_t batch = place / of.positions, position = place - batch * of.positions;
  if (batch >= of.batch) return;
  const HeadRow<T> row =
      head_row<T>(of, batch, position, static_cast<int>(warp - place * rows), start);
  const int lane = threadIdx.x % 32;
  if (!row.is_rotated) {
    for (int i = lane; i < row.width; i += 32) row.to[i] = row.from[i];
    return;
  }
  C scale = 1;
  if (row.norm != nullptr) {
    double squares = 0;
    for (int i = lane; i < row.width; i += 32) {
      const auto element = static_cast<double>(widen(row.from[i]));
      squares += element * element;
    }
#pragma unroll
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(~0u, squares, step);
    scale = static_cast<C>(1 / sqrt(squares / row.width + of.epsilon));
  }
  const C offset = static_cast<C>(of.weight_offset);
  const auto normed = [&](int i) {
    const C x = widen(row.from[i]);
    return row.norm == nullptr ? x : widen(narrow<T>(x * scale * (widen(row.norm[i]) + offset)));
  };
  const int pairs = static_cast<int>(of.pairs);
  for (int i = lane; i < pairs; i += 32) {
    const int first = of.is_interleaved ? 2 * i : i;
    const int second = of.is_interleaved ? first + 1 : i + pairs;
    const C a = normed(first), b = normed(second);
    const C c = widen(static_cast<const T*>(of.cosines)[position * pairs + i]);
    const C s = widen(static_cast<const T*>(of.sines)[position * pairs + i]);
    row.to[first] = narrow<T>(a * c - b * s);
    row.to[second] = narrow<T>(b * c + a * s);
  }
  for (int i = 2 * pairs + lane; i < row.width; i += 32) row.to[i] = narrow<T>(normed(i));
}

template <typename T>
bool has_pieces(const HeadAppend& of) {
  constexpr std::int64_t chunk = 16 / sizeof(T);
  if (!has_whole_lanes<T>(of.width, of.pairs) || !has_whole_lanes<T>(of.value_width, 0)) {
    return false;
  }
  for (const std::int32_t late :
       {of.late_q, of.late_k, of.late_v, of.late_cosines, of.late_sines}) {
    if (late >= 0) return false;
  }
  for (const std::int64_t* strides : {of.q_strides, of.k_strides, of.v_strides}) {
    if (strides[0] % chunk != 0 || strides[1] % chunk != 0) return false;
  }
  for (const void* address : {of.q, of.k, of.v, of.cosines, of.sines, of.q_norm, of.k_norm,
                              static_cast<const void*>(of.q_out), static_cast<const void*>(of.keys),
                              static_cast<const void*>(of.values)}) {
    if (reinterpret_cast<std::uintptr_t>(address) % 16 != 0) return false;
  }
  const std::int64_t rows = of.batch * of.positions * (of.heads + 2 * of.groups);
  return rows * 32 < std::int64_t{1} << 31;
}

template <typename T, int lanes, int each>
void start_pieces(const HeadAppend& of, const FaultPlace& fault, const LaunchPlace& place) {
  const auto slots = static_cast<std::uint32_t>((of.heads + 2 * of.groups + each - 1) / each);
  const std::int64_t threads = of.batch * of.positions * slots * lanes;
  // Few rows come to many multiprocessors.
  const unsigned block = each == 1 ? 64 : run_block_threads;
  const auto kernel = of.is_interleaved ? append_pieces<T, lanes, each, true>
                                        : append_pieces<T, lanes, each, false>;
  start_kernel(kernel, static_cast<unsigned>((threads + block - 1) / block), block, 0, place, of,
               Divisor(slots), Divisor(static_cast<std::uint32_t>(of.positions)), fault);
}

}  // namespace

void launch_head_append(const HeadAppend& of, const LaunchPlace& place) {
  const std::int64_t rows = of.batch * of.positions * (of.heads + 2 * of.groups);
  if (rows == 0) return;
  const FaultPlace fault{static_cast<Fault*>(place.fault), place.step};
  visit_floats(of.dtype, [&]<typename T>() {
    if constexpr (sizeof(T) <= 4) {
      if (has_pieces<T>(of)) {
        visit_lanes(std::max(of.width, of.value_width) / HeadPieces<T>::pair, [&]<int lanes>() {
          run_length(rows, lanes) > 1 ? start_pieces<T, lanes, pair_rows>(of, fault, place)
                                      : start_pieces<T, lanes, 1>(of, fault, place);
        });
        return;
      }
    }
    constexpr std::int64_t each = run_block_threads / 32;
    start_kernel(append_elements<T>, static_cast<unsigned>((rows + each - 1) / each),
                 run_block_threads, 0, place, of, fault);
  });
}

}  // namespace paceline::kernels::cuda
