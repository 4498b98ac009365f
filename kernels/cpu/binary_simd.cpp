#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/binary_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <type_traits>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/parallel.h"
#include "kernels/cpu/support/places.h"
#include "kernels/cpu/support/simd_kernel.h"

#ifndef PACELINE_BINARY_SIMD_ONCE
#define PACELINE_BINARY_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct GatedState : Prepared {
  explicit GatedState(const Attributes& attributes)
      : activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

struct SumOf {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Add(a, b); }
};
struct DifferenceOf {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Sub(a, b); }
};
struct ProductOf {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Mul(a, b); }
};
struct QuotientOf {
  HWY_INLINE Vector operator()(Vector a, Vector b) const { return hn::Div(a, b); }
};
template <typename Activation>
struct GatedBy {
  HWY_INLINE Vector operator()(Vector gate, Vector up) const {
    return hn::Mul(Activation{}(gate), up);
  }
};

// Places of a vector's elements are 32 bits, in bytes.
inline constexpr std::int64_t gathered_stride_max = 1 << 24;

// Some elements of an operand, `stride` apart. The common strides are 1, and 0 of a broadcast.
template <typename T>
struct Run {
  const T* data;
  std::int64_t stride;

  HWY_INLINE Vector load_from(std::int64_t i, std::int64_t left) const {
    if (stride == 1) return load_first(data + i, left);
    if (stride == 0) return fill(static_cast<float>(*data));
    if constexpr (std::is_same_v<T, float> && lane_count >= 16) {
      if (left >= lane_count && std::abs(stride) < gathered_stride_max) {
        const Integers32 integers;
        const auto step = hn::Set(integers, static_cast<std::int32_t>(stride));
        return hn::GatherIndex(floats32, data + i * stride, hn::Mul(hn::Iota(integers, 0), step));
      }
    }
    alignas(64) float lanes[lane_count] = {};
    for (std::int64_t k = 0; k < std::min(left, lane_count); ++k) {
      lanes[k] = static_cast<float>(data[(i + k) * stride]);
    }
    return load(lanes);
  }
};

template <typename F, typename T>
void map(const Run<T>& a, const Run<T>& b, T* out, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    const std::int64_t left = count - i;
    store_first(F{}(a.load_from(i, left), b.load_from(i, left)), out + i, left);
  }
}

// The innermost axis is cut into pieces, so that one long run serves several threads.
template <typename F, typename T>
void run_typed(const Call& call) {
  constexpr std::int64_t piece = 4096;
  constexpr auto element_bytes = static_cast<std::int64_t>(sizeof(T));
  Places<3> runs({call.inputs[0], call.inputs[1], call.outputs[0]});
  const auto inner = runs.take_inner();
  const std::int64_t pieces = (inner.extent + piece - 1) / piece;
  const auto map_piece = [&](const auto& at, std::int64_t index) {
    const std::int64_t start = index * piece;
    const auto run_at = [&](int i) {
      const T* data = reinterpret_cast<const T*>(at[i] + start * inner.strides[i]);
      return Run<T>{data, inner.strides[i] / element_bytes};
    };
    T* out = reinterpret_cast<T*>(at[2]) + start;
    map<F>(run_at(0), run_at(1), out, std::min(piece, inner.extent - start));
  };
  const std::int64_t elements = std::min(piece, inner.extent);
  parallel_ranges(
      runs.count() * pieces, elements, call.threads, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end;) {
          const std::int64_t run = i / pieces, run_end = std::min(end, (run + 1) * pieces);
          runs.for_each(run, run + 1, [&](const auto& at) {
            for (; i < run_end; ++i) map_piece(at, i - run * pieces);
          });
        }
      });
}

template <typename F>
void run_as(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype,
                    [&]<typename T>(std::type_identity<T>) { run_typed<F, T>(call); });
}

void run_add(const Call& call) { run_as<SumOf>(call); }
void run_sub(const Call& call) { run_as<DifferenceOf>(call); }
void run_mul(const Call& call) { run_as<ProductOf>(call); }
void run_div(const Call& call) { run_as<QuotientOf>(call); }
void run_gated(const Call& call) {
  visit_vector_activation(call.state<GatedState>().activation,
                          [&]<typename F>(F) { run_as<GatedBy<F>>(call); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_add);
HWY_EXPORT(run_sub);
HWY_EXPORT(run_mul);
HWY_EXPORT(run_div);
HWY_EXPORT(run_gated);

Kernel arithmetic(const char* op, void (*run)(const Call&)) {
  return {.info = simd_info(op, op, {Strides::any}, 0.5, Precision::exact), .run = run};
}

}  // namespace

// Functions of two operands, each dense, broadcast or strided.
std::vector<Kernel> binary_simd() {
  return {
      arithmetic("add", PACELINE_BEST_TARGET(run_add)),
      arithmetic("sub", PACELINE_BEST_TARGET(run_sub)),
      arithmetic("mul", PACELINE_BEST_TARGET(run_mul)),
      arithmetic("div", PACELINE_BEST_TARGET(run_div)),
      {.info = simd_info("gated_activation", "gated_activation", {Strides::any}, 0.5),
       .prepare = prepare<GatedState>,
       .run = PACELINE_BEST_TARGET(run_gated)},
  };
}

}  // namespace paceline::kernels::cpu
#endif
