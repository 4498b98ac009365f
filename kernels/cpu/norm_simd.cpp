#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/norm_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <cmath>

#include "kernels/cpu/support/simd-inl.h"
#include "kernels/cpu/support/simd_kernel.h"
#include "kernels/cpu/support/simd_rows.h"

#ifndef PACELINE_NORM_SIMD_ONCE
#define PACELINE_NORM_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct RmsState : Prepared {
  explicit RmsState(const Attributes& attributes)
      : epsilon(static_cast<float>(attributes.get<double>("epsilon"))),
        weight_offset(static_cast<float>(attributes.get<double>("weight_offset"))) {}
  float epsilon;
  float weight_offset;
};

struct LayerState : Prepared {
  explicit LayerState(const Attributes& attributes)
      : epsilon(static_cast<float>(attributes.get<double>("epsilon"))) {}
  float epsilon;
};

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

struct AddSquare {
  HWY_INLINE Vector operator()(Vector sum, Vector x) const { return hn::MulAdd(x, x, sum); }
};

struct AddSquaredDistance {
  Vector from;
  HWY_INLINE Vector operator()(Vector sum, Vector x) const {
    const Vector distance = hn::Sub(x, from);
    return hn::MulAdd(distance, distance, sum);
  }
};

template <typename T>
void rms_norm_row(const T* x, const T* weight, T* out, std::int64_t count, const RmsState& state) {
  const Vector zero = hn::Zero(floats32);
  const float squares = sum_of_lanes(fold(x, count, zero, zero, AddSquare{}, Add{}));
  const Vector scale = fill(1 / std::sqrt(squares / static_cast<float>(count) + state.epsilon));
  const Vector offset = fill(state.weight_offset);
  for (std::int64_t i = 0; i < count; i += lane_count) {
    const std::int64_t left = count - i;
    const Vector factor = hn::Add(load_first(weight + i, left), offset);
    store_first(hn::Mul(hn::Mul(load_first(x + i, left), scale), factor), out + i, left);
  }
}

template <typename T>
void layer_norm_row(const T* x, const T* weight, const T* bias, T* out, std::int64_t count,
                    const LayerState& state) {
  const Vector zero = hn::Zero(floats32);
  const auto width = static_cast<float>(count);
  const Vector mean = fill(sum_of_lanes(fold(x, count, zero, zero, Add{}, Add{})) / width);
  const float variance =
      sum_of_lanes(fold(x, count, zero, mean, AddSquaredDistance{mean}, Add{})) / width;
  const Vector scale = fill(1 / std::sqrt(variance + state.epsilon));
  for (std::int64_t i = 0; i < count; i += lane_count) {
    const std::int64_t left = count - i;
    const Vector normal = hn::Mul(hn::Sub(load_first(x + i, left), mean), scale);
    store_first(hn::MulAdd(normal, load_first(weight + i, left), load_first(bias + i, left)),
                out + i, left);
  }
}

void run_rms_norm(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const T* weight = call.inputs[1].as<const T>();
    parallel_rows<T>(call, [&](const T* x, T* out, std::int64_t count) {
      rms_norm_row(x, weight, out, count, call.state<RmsState>());
    });
  });
}

void run_layer_norm(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const T *weight = call.inputs[1].as<const T>(), *bias = call.inputs[2].as<const T>();
    parallel_rows<T>(call, [&](const T* x, T* out, std::int64_t count) {
      layer_norm_row(x, weight, bias, out, count, call.state<LayerState>());
    });
  });
}

// Calls body(row of the sum, row of output 1, element count) for each row of inputs 0 and 1, whose
// sum lies in output 0 by then. Outputs may lie where the inputs do.
template <typename T, typename Body>
void parallel_sums(const Call& call, const Body& body) {
  const TensorView& x = call.inputs[0];
  const int last = x.rank - 1;
  const std::int64_t width = x.extents[last];
  const Places<4> rows({axes(x, 0, last), axes(call.inputs[1], 0, last),
                        axes(call.outputs[0], 0, last), axes(call.outputs[1], 0, last)});
  parallel_ranges(rows.count(), width, call.threads, [&](std::int64_t begin, std::int64_t end) {
    rows.for_each(begin, end, [&](const auto& at) {
      const T *a = reinterpret_cast<const T*>(at[0]), *b = reinterpret_cast<const T*>(at[1]);
      T* sum = reinterpret_cast<T*>(at[2]);
      for (std::int64_t i = 0; i < width; i += lane_count) {
        const std::int64_t left = width - i;
        store_first(hn::Add(load_first(a + i, left), load_first(b + i, left)), sum + i, left);
      }
      body(sum, reinterpret_cast<T*>(at[3]), width);
    });
  });
}

void run_add_rms_norm(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const T* weight = call.inputs[2].as<const T>();
    parallel_sums<T>(call, [&](const T* sum, T* out, std::int64_t count) {
      rms_norm_row(sum, weight, out, count, call.state<RmsState>());
    });
  });
}

void run_add_layer_norm(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    const T *weight = call.inputs[2].as<const T>(), *bias = call.inputs[3].as<const T>();
    parallel_sums<T>(call, [&](const T* sum, T* out, std::int64_t count) {
      layer_norm_row(sum, weight, bias, out, count, call.state<LayerState>());
    });
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {
HWY_EXPORT(run_rms_norm);
HWY_EXPORT(run_layer_norm);
HWY_EXPORT(run_add_rms_norm);
HWY_EXPORT(run_add_layer_norm);
}  // namespace

// Rows anywhere, such as the heads of a permuted view; weights dense.
std::vector<Kernel> norm_simd() {
  const Strides rows = Strides::dense_inner, weights = Strides::dense;
  const auto info = [](const char* op, std::vector<Strides> strides) {
    return simd_info(op, op, std::move(strides), 0.6, Precision::reorders);
  };
  return {
      {.info = info("rms_norm", {rows, weights}),
       .prepare = prepare<RmsState>,
       .run = PACELINE_BEST_TARGET(run_rms_norm)},
      {.info = info("layer_norm", {rows, weights}),
       .prepare = prepare<LayerState>,
       .run = PACELINE_BEST_TARGET(run_layer_norm)},
      {.info = info("add_rms_norm", {rows, rows, weights}),
       .prepare = prepare<RmsState>,
       .run = PACELINE_BEST_TARGET(run_add_rms_norm)},
      {.info = info("add_layer_norm", {rows, rows, weights}),
       .prepare = prepare<LayerState>,
       .run = PACELINE_BEST_TARGET(run_add_layer_norm)},
  };
}

}  // namespace paceline::kernels::cpu
#endif
