#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pool_lanes_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/pool_folds-inl.h"
#include "kernels/cpu/support/pools.h"
#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Pools of three axes that fold vectors along the last one: channels in blocks, whose windows are
// one lane wide there, or any other with windows that step by one.
#ifndef PACELINE_POOL_LANES_SIMD_ONCE
#define PACELINE_POOL_LANES_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct AverageLanesState : PoolState {
  explicit AverageLanesState(const Attributes& attributes)
      : PoolState(attributes), counts_pads(attributes.get<bool>("count_include_pad")) {}
  bool counts_pads;
};

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

struct Lanes {
  std::array<WindowAxis, 3> axes;
  const float* x;
  float* out;
  std::int64_t planes;

  // Windows one lane wide on whole vectors: channels in blocks.
  bool is_whole() const {
    const WindowAxis& last = axes[2];
    return last.kernel == 1 && last.stride == 1 && last.low == 0 && last.out == last.in &&
           last.in % lane_count == 0;
  }

  explicit Lanes(const Call& call)
      : x(call.inputs[0].as<const float>()),
        out(call.outputs[0].as<float>()),
        planes(call.inputs[0].extents[0] * call.inputs[0].extents[1]) {
    const auto& state = call.state<PoolState>();
    axes = window_axes(state, call.inputs[0], state.kernel, call.outputs[0]);
  }
};

// Elements [x, x + count) of one line of the result; those of the line that taps reach are vectors.
template <typename Fold>
HWY_INLINE Vector fold_lanes(const Lanes& pool, const float* plane, const Range& z, const Range& y,
                             std::int64_t at_z, std::int64_t at_y, std::int64_t x,
                             std::int64_t count) {
  const WindowAxis &az = pool.axes[0], &ay = pool.axes[1], &ax = pool.axes[2];
  Vector folded = fill(Fold::start());
  for (std::int64_t a = z.begin; a < z.end; ++a) {
    for (std::int64_t b = y.begin; b < y.end; ++b) {
      const float* line = plane + (az.place(at_z, a) * ay.in + ay.place(at_y, b)) * ax.in;
      for (std::int64_t c = 0; c < ax.kernel; ++c) {
        const std::int64_t first = ax.place(x, c);
        const bool is_inside = ax.stride == 1 && first >= 0 && first + count <= ax.in;
        if (is_inside) {
          folded = Fold{}(folded, load_first(line + first, count, fill(Fold::start())));
          continue;
        }
        alignas(64) float lanes[lane_count];
        for (std::int64_t i = 0; i < lane_count; ++i) {
          const std::int64_t from = ax.place(x + i, c);
          lanes[i] = i < count && from >= 0 && from < ax.in ? line[from] : Fold::start();
        }
        folded = Fold{}(folded, load(lanes));
      }
    }
  }
  return folded;
}

// Taps of window o that lie within x.
HWY_INLINE Range reach(const WindowAxis& axis, std::int64_t o) {
  const std::int64_t first = axis.place(o, 0);
  const bool is_inside = first >= 0 && axis.place(o, axis.kernel - 1) < axis.in;
  return is_inside ? Range{0, axis.kernel} : axis.taps(o);
}

// Vectors of a window; `wide` is how many lie in a row of it, 0 where that is not known before.
template <typename Fold, int wide>
HWY_INLINE Vector fold_vectors(const float* first, std::int64_t rows, std::int64_t row,
                               std::int64_t columns, std::int64_t column) {
  const std::int64_t count = wide > 0 ? wide : columns;
  Vector folded = fill(Fold::start());
  for (std::int64_t a = 0; a < rows; ++a, first += row) {
    HWY_UNROLL(4)
    for (std::int64_t b = 0; b < count; ++b) folded = Fold{}(folded, load(first + b * column));
  }
  return folded;
}

// One line of the result, of a pool on whole vectors. `finish(folded, z, y)` gives what is stored.
template <typename Fold, typename Finish>
void fold_line(const Lanes& pool, const float* plane, std::int64_t z, float* out,
               const Finish& finish) {
  const WindowAxis &az = pool.axes[0], &ay = pool.axes[1], &ax = pool.axes[2];
  const std::int64_t row = az.dilation * ay.in * ax.in, column = ay.dilation * ax.in;
  const Range rows = reach(az, z);
  const std::int64_t height = rows.end - rows.begin;
  for (std::int64_t y = 0; y < ay.out; ++y, out += ax.out) {
    const Range columns = reach(ay, y);
    const std::int64_t width = columns.end - columns.begin;
    const bool is_empty = rows.empty() || columns.empty();
    const std::int64_t at = az.place(z, rows.begin) * ay.in + ay.place(y, columns.begin);
    const float* first = is_empty ? plane : plane + at * ax.in;
    const std::int64_t count = is_empty ? 0 : height;
    for (std::int64_t x = 0; x < ax.out; x += lane_count) {
      const Vector folded = width == 3 ? fold_vectors<Fold, 3>(first + x, count, row, width, column)
                            : width == 2
                                ? fold_vectors<Fold, 2>(first + x, count, row, width, column)
                                : fold_vectors<Fold, 0>(first + x, count, row, width, column);
      store(finish(folded, z, y), out + x);
    }
  }
}

template <typename Fold, typename Finish>
void fold_whole(const Call& call, const Lanes& pool, const Finish& finish) {
  const WindowAxis &az = pool.axes[0], &ay = pool.axes[1], &ax = pool.axes[2];
  const std::int64_t in = az.in * ay.in * ax.in, line = ay.out * ax.out;
  parallel_ranges(pool.planes * az.out, line * az.kernel * ay.kernel, call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const float* plane = pool.x + i / az.out * in;
                      fold_line<Fold>(pool, plane, i % az.out, pool.out + i * line, finish);
                    }
                  });
}

// `finish(folded, z, y, x)` gives what is stored for lanes from x on.
template <typename Fold, typename Finish>
void fold_all(const Call& call, const Lanes& pool, const Finish& finish) {
  const WindowAxis &az = pool.axes[0], &ay = pool.axes[1], &ax = pool.axes[2];
  const std::int64_t in = az.in * ay.in * ax.in, line = ay.out * ax.out;
  const std::int64_t taps = az.kernel * ay.kernel * ax.kernel;
  parallel_ranges(pool.planes * az.out, line * taps / 4, call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t z = i % az.out;
                      const float* plane = pool.x + i / az.out * in;
                      float* out = pool.out + i * line;
                      for (std::int64_t y = 0; y < ay.out; ++y) {
                        for (std::int64_t x = 0; x < ax.out; x += lane_count) {
                          const std::int64_t count = std::min(ax.out - x, lane_count);
                          const Vector folded =
                              fold_lanes<Fold>(pool, plane, az.taps(z), ay.taps(y), z, y, x, count);
                          store_first(finish(folded, z, y, x), out + y * ax.out + x, count);
                        }
                      }
                    }
                  });
}

void run_max_pool(const Call& call) {
  const Lanes pool(call);
  if (pool.is_whole()) {
    return fold_whole<LargerOrNan>(
        call, pool, [](Vector largest, std::int64_t, std::int64_t) { return largest; });
  }
  fold_all<LargerOrNan>(
      call, pool, [](Vector largest, std::int64_t, std::int64_t, std::int64_t) { return largest; });
}

void run_average_pool(const Call& call) {
  const Lanes pool(call);
  const bool counts_pads = call.state<AverageLanesState>().counts_pads;
  const auto taps = [&](int axis, std::int64_t o) {
    const Range range = pool.axes[axis].taps(o, counts_pads);
    return static_cast<float>(std::max<std::int64_t>(range.end - range.begin, 0));
  };
  if (pool.is_whole()) {
    const auto count = [&](int axis, std::int64_t o) {
      if (counts_pads) return taps(axis, o);
      const Range range = reach(pool.axes[axis], o);
      return static_cast<float>(std::max<std::int64_t>(range.end - range.begin, 0));
    };
    return fold_whole<Sum>(call, pool, [&](Vector sum, std::int64_t z, std::int64_t y) {
      return hn::Div(sum, fill(count(0, z) * count(1, y)));
    });
  }
  fold_all<Sum>(call, pool, [&](Vector sum, std::int64_t z, std::int64_t y, std::int64_t x) {
    alignas(64) float widths[lane_count];
    for (std::int64_t i = 0; i < lane_count; ++i) {
      widths[i] = x + i < pool.axes[2].out ? taps(2, x + i) : 1;
    }
    return hn::Div(sum, hn::Mul(load(widths), fill(taps(0, z) * taps(1, y))));
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_max_pool);
HWY_EXPORT(run_average_pool);

template <typename State>
Kernel kernel(const char* op, void (*run)(const Call&), Precision precision) {
  KernelInfo info = simd_info(op, op, {Strides::dense}, 0.4, precision);
  info.accepts.dtypes = {Dtype::f32};
  info.accepts.rank_min = info.accepts.rank_max = 5;
  return {.info = std::move(info), .prepare = prepare<State>, .run = run};
}

}  // namespace

// Names of members: pool_lanes_simd.max_pool, pool_lanes_simd.average_pool.
std::vector<Kernel> pool_lanes_simd() {
  return {
      kernel<PoolState>("max_pool", PACELINE_BEST_TARGET(run_max_pool), Precision::exact),
      kernel<AverageLanesState>("average_pool", PACELINE_BEST_TARGET(run_average_pool),
                                Precision::reorders),
  };
}

}  // namespace paceline::kernels::cpu
#endif
