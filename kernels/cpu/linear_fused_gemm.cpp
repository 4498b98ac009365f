#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/linear_fused_gemm.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <iterator>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/onednn.h"
#include "kernels/cpu/support/openblas.h"
#include "kernels/cpu/support/simd_kernel.h"

// A library's product, one piece a thread, and what comes before and after: residual and bias
// before, since products are added to what they find; bias and activation after. Smaller pieces,
// which stay in a cache until then, cost more than they save, since libraries pack their operands
// anew for each.
#ifndef PACELINE_LINEAR_FUSED_GEMM_ONCE
#define PACELINE_LINEAR_FUSED_GEMM_ONCE
namespace paceline::kernels::cpu {
namespace {

struct BlasActivationState : BlasAffineState {
  BlasActivationState(const Blas& blas, const Attributes& attributes)
      : BlasAffineState(blas, attributes),
        activation(parse_activation(attributes.get<std::string>("activation"))) {}
  Activation activation;
};

}  // namespace
}  // namespace paceline::kernels::cpu
#endif

HWY_BEFORE_NAMESPACE();
namespace paceline::kernels::cpu {
namespace HWY_NAMESPACE {
namespace {

// out = F(x + bias); `bias` may be null.
template <typename F>
void activate_row(float* x, const float* bias, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += lane_count) {
    Vector value = load_first(x + i, count - i);
    if (bias != nullptr) value = hn::Add(value, load_first(bias + i, count - i));
    store_first(F{}(value), x + i, count - i);
  }
}

// out = residual + bias; `bias` may be null, `out` may be the residual.
void copy_row(const float* residual, const float* bias, float* out, std::int64_t count) {
  if (bias == nullptr && residual == out) return;
  for (std::int64_t i = 0; i < count; i += lane_count) {
    Vector value = load_first(residual + i, count - i);
    if (bias != nullptr) value = hn::Add(value, load_first(bias + i, count - i));
    store_first(value, out + i, count - i);
  }
}

const float* bias_of(const Call& call, std::size_t input) {
  return call.inputs.size() > input ? call.inputs[input].as<const float>() : nullptr;
}

template <typename Body>
void for_each_tile(const Call& call, const Product<float>& p, const Body& body) {
  parallel_tiles(cut_of(p.m, p.n, p.k, call.threads), p.m, p.n, body);
}

// Calls body(first element in c, first element of the bias) for each row of a tile.
template <typename Body>
void for_each_row_of(const Tile& t, const Product<float>& p, const float* bias, const Body& body) {
  for (std::int64_t i = t.row; i < t.row + t.rows; ++i) {
    body(i * p.c_stride + t.column, bias == nullptr ? nullptr : bias + t.column);
  }
}

void run_activation(const Call& call) {
  const auto& state = call.state<BlasActivationState>();
  if (call.outputs[0].element_count() == 0) return;
  const Product<float> p = affine_product<float>(call, state.transpose_weight);
  const float* bias = bias_of(call, 2);
  visit_vector_activation(state.activation, [&]<typename F>(F) {
    for_each_tile(call, p, [&](const Tile& t) {
      multiply_strided(state.blas.of_floats, p.part(t.row, t.rows, t.column, t.columns), false);
      for_each_row_of(t, p, bias, [&](std::int64_t first, const float* of_columns) {
        activate_row<F>(p.c + first, of_columns, t.columns);
      });
    });
  });
}

void run_residual(const Call& call) {
  const auto& state = call.state<BlasAffineState>();
  if (call.outputs[0].element_count() == 0) return;
  const Product<float> p = affine_product<float>(call, state.transpose_weight);
  const float *residual = call.inputs[2].as<const float>(), *bias = bias_of(call, 3);
  for_each_tile(call, p, [&](const Tile& t) {
    for_each_row_of(t, p, bias, [&](std::int64_t first, const float* of_columns) {
      copy_row(residual + first, of_columns, p.c + first, t.columns);
    });
    multiply_strided(state.blas.of_floats, p.part(t.row, t.rows, t.column, t.columns), true);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_activation);
HWY_EXPORT(run_residual);

Kernel kernel(const char* op, void (*run)(const Call&), Precision precision,
              std::vector<Strides> strides) {
  return {.info = {.op = op,
                   .accepts = {.dtypes = {Dtype::f32}, .input_strides = std::move(strides)},
                   .precision = precision,
                   .expected_efficiency = 0.72},
          .run = run};
}

std::vector<BlasLibrary> libraries(const std::string& prefix) {
  std::vector<BlasLibrary> all = openblas_cores();
  all.push_back(onednn_blas().front());
  for (BlasLibrary& one : all) {
    one.name = prefix + (one.library == "onednn" ? one.library : one.name);
  }
  return all;
}

}  // namespace

// A rival for each of OpenBLAS's cores and for oneDNN.
std::vector<Kernel> linear_fused_gemm() {
  std::vector<Kernel> family = blas_family<BlasActivationState>(
      libraries("activation_"), kernel("linear_activation", PACELINE_BEST_TARGET(run_activation),
                                       Precision::approximates, affine_strides()));
  std::vector<Kernel> residual = blas_family<BlasAffineState>(
      libraries("residual_"),
      kernel("linear_residual", PACELINE_BEST_TARGET(run_residual), Precision::reorders,
             {Strides::dense, Strides::dense_inner, Strides::dense}));
  std::ranges::move(residual, std::back_inserter(family));
  return family;
}

}  // namespace paceline::kernels::cpu
#endif
