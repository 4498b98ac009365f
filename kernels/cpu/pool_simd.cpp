#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/pool_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/convolution_planes-inl.h"
#include "kernels/cpu/support/pool_folds-inl.h"
#include "kernels/cpu/support/pools.h"
#include "kernels/cpu/support/simd_kernel.h"

// Pools as depthwise convolutions without weights: planes are padded, then rows of windows are
// folded, a vector of neighbouring ones at a time.
#ifndef PACELINE_POOL_SIMD_ONCE
#define PACELINE_POOL_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct AverageState : PoolState {
  explicit AverageState(const Attributes& attributes)
      : PoolState(attributes), counts_pads(attributes.get<bool>("count_include_pad")) {}
  bool counts_pads;
};

// What PaddedPlane asks for; nothing is multiplied.
Convolution pool_of(const Call& call, const PoolState& state) {
  const TensorView x = as_volume(call.inputs[0]), out = as_volume(call.outputs[0]);
  Convolution pool{};
  pool.x = x.as<const float>();
  pool.out = out.as<float>();
  pool.axes = window_axes(state, x, state.kernel, out);
  pool.batches = x.extents[0];
  pool.groups = x.extents[1];
  pool.depth = pool.rows = 1;
  pool.taps = state.kernel[1] * state.kernel[2];
  pool.columns = out.extents[2] * out.extents[3] * out.extents[4];
  return pool;
}

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// Four rows of windows, or one, folded over all taps.
template <int rows, typename Fold>
HWY_INLINE void fold_rows(const Convolution& pool, const PaddedPlane& plane, const float* padded,
                          Vector* folded) {
  const std::int64_t step = pool.axes[1].stride * plane.phases * plane.stride;
  Vector of_row[rows];
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) of_row[i] = fill(Fold::start());
  for (std::int64_t tap = 0; tap < pool.taps; ++tap) {
    const bool is_known = tap < depthwise_taps_max;
    const float* from = padded + (is_known ? plane.offsets[tap] : plane.offset(pool, tap));
    HWY_UNROLL(4)
    for (int i = 0; i < rows; ++i) of_row[i] = Fold{}(of_row[i], load(from + i * step));
  }
  HWY_UNROLL(4)
  for (int i = 0; i < rows; ++i) folded[i] = of_row[i];
}

// `finish(folded, y, x)` gives what is stored for the windows from x on of row y.
template <typename Fold, typename Finish>
void fold_plane(const Convolution& pool, const PaddedPlane& plane, const float* padded, float* out,
                const Finish& finish) {
  const std::int64_t height = pool.axes[1].out, width = pool.axes[2].out;
  const std::int64_t step = pool.axes[1].stride * plane.phases * plane.stride;
  for (std::int64_t y = 0; y < height;) {
    const std::int64_t rows = height - y >= 4 ? 4 : 1;
    for (std::int64_t x = 0; x < width; x += lane_count) {
      Vector folded[4];
      if (rows == 4) {
        fold_rows<4, Fold>(pool, plane, padded + y * step + x, folded);
      } else {
        fold_rows<1, Fold>(pool, plane, padded + y * step + x, folded);
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        store_first(finish(folded[i], y + i, x), out + (y + i) * width + x, width - x);
      }
    }
    y += rows;
  }
}

// `finish_for(floats beyond the plane)` makes `finish` for one thread.
template <typename Fold, typename FinishFor>
void fold_planes(const Call& call, const Convolution& pool, const FinishFor& finish_for) {
  if (pool.is_empty()) return;
  const PaddedPlane shape(pool);
  const std::int64_t size = pool.axes[1].in * pool.axes[2].in;
  const std::int64_t plane_floats = (shape.floats() + 15) / 16 * 16;
  const std::int64_t share = plane_floats + (pool.axes[2].out + lane_count + 15) / 16 * 16;
  parallel_ranges(pool.batches * pool.groups, pool.columns * pool.taps / 8, call.threads,
                  [&](std::int64_t begin, std::int64_t end) {
                    float* padded =
                        static_cast<float*>(call.workspace) + workspace_part(call.threads) * share;
                    std::fill_n(padded, shape.floats(), Fold::start());
                    const auto finish = finish_for(padded + plane_floats);
                    for (std::int64_t i = begin; i < end; ++i) {
                      shape.fill_from(pool, pool.x + i * size, padded);
                      fold_plane<Fold>(pool, shape, padded, pool.out + i * pool.columns, finish);
                    }
                  });
}

void run_max_pool(const Call& call) {
  const Convolution pool = pool_of(call, call.state<PoolState>());
  fold_planes<LargerOrNan>(call, pool, [](float*) {
    return [](Vector largest, std::int64_t, std::int64_t) { return largest; };
  });
}

void run_average_pool(const Call& call) {
  const auto& state = call.state<AverageState>();
  const Convolution pool = pool_of(call, state);
  const auto taps = [&state](const WindowAxis& axis, std::int64_t o) {
    const Range range = axis.taps(o, state.counts_pads);
    return static_cast<float>(std::max<std::int64_t>(range.end - range.begin, 0));
  };
  fold_planes<Sum>(call, pool, [&](float* widths) {
    std::fill_n(widths, pool.axes[2].out + lane_count, 1.0f);
    for (std::int64_t x = 0; x < pool.axes[2].out; ++x) widths[x] = taps(pool.axes[2], x);
    return [&pool, &taps, widths](Vector sum, std::int64_t y, std::int64_t x) {
      return hn::Div(sum, hn::Mul(load(widths + x), fill(taps(pool.axes[1], y))));
    };
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

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  const auto list = [&](std::string_view name) {
    return in.attributes.get<std::vector<std::int64_t>>(name);
  };
  // What ceil_mode adds beyond the padding is less than a stride and a window.
  const auto padded = [&](std::size_t axis) {
    const std::size_t i = axis - 2;
    return in[0].shape[axis] + (list("pads_low")[i] + list("pads_high")[i] + list("strides")[i] +
                                list("kernel")[i] * list("dilations")[i]);
  };
  const std::size_t last = in[0].shape.size() - 1;
  constexpr std::int64_t lanes_max = 64;
  const Dim width = padded(last) + (list("strides").back() + 1) * lanes_max;
  const Dim floats = width * ((last > 2 ? padded(last - 1) : Dim(1)) + 1) + 2 * lanes_max;
  return floats * resources.threads * static_cast<std::int64_t>(sizeof(float));
}

template <typename State>
Kernel kernel(const char* op, void (*run)(const Call&), Precision precision) {
  KernelInfo info = simd_info(op, op, {Strides::dense}, 0.4, precision);
  info.accepts.dtypes = {Dtype::f32};
  info.accepts.rank_max = 4;
  return {.info = std::move(info),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<State>,
          .run = run};
}

}  // namespace

std::vector<Kernel> pool_simd() {
  return {
      kernel<PoolState>("max_pool", PACELINE_BEST_TARGET(run_max_pool), Precision::exact),
      kernel<AverageState>("average_pool", PACELINE_BEST_TARGET(run_average_pool),
                           Precision::reorders),
  };
}

}  // namespace paceline::kernels::cpu
#endif
