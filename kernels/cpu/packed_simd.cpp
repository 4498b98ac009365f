#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/packed_simd.cpp"
#include "kernels/cpu/support/simd_targets.h"
// After the targets.
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/support/activations-inl.h"
#include "kernels/cpu/support/blas_affine.h"
#include "kernels/cpu/support/blas_matmul.h"
#include "kernels/cpu/support/packed_product-inl.h"
#include "kernels/cpu/support/simd_kernel.h"

// Products of many rows in our own tiles: halves are widened while they are packed, and what an op
// does around its product happens to each tile as it leaves the registers.
#ifndef PACELINE_PACKED_SIMD_ONCE
#define PACELINE_PACKED_SIMD_ONCE
namespace paceline::kernels::cpu {
namespace {

struct ActivationState : AffineState {
  explicit ActivationState(const Attributes& attributes)
      : AffineState(attributes),
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

struct Same {
  HWY_INLINE Vector operator()(Vector x) const { return x; }
};

// The part of the workspace that the running thread may use.
float* workspace_of(const Call& call) {
  return static_cast<float*>(call.workspace) +
         workspace_part(call.threads) * packed_product_floats(call.inputs[0].dtype);
}

template <typename T>
void multiply_parallel(const Call& call, const Product<T>& p, const Around<T>& around,
                       FinishTile<T> finish) {
  parallel_tiles(cut_of(p.m, p.n, p.k, call.threads), p.m, p.n, [&](const Tile& t) {
    Around<T> of_tile = around;
    if (around.bias) of_tile.bias += t.column;
    if (around.residual) of_tile.residual += t.row * p.c_stride + t.column;
    PackedProduct<T>(p.part(t.row, t.rows, t.column, t.columns), of_tile, finish,
                     workspace_of(call))
        .run();
  });
}

template <typename T>
const T* optional_input(const Call& call, std::size_t input) {
  return call.inputs.size() > input ? call.inputs[input].as<const T>() : nullptr;
}

template <typename T>
void multiply_affine(const Call& call, const Around<T>& around, FinishTile<T> finish) {
  if (call.outputs[0].element_count() == 0) return;
  multiply_parallel(call, affine_product<T>(call, call.state<AffineState>().transpose_weight),
                    around, finish);
}

void run_packed_linear(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<T>(call, {.bias = optional_input<T>(call, 2)}, finish_tile<Same, T>);
  });
}

void run_packed_residual(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    multiply_affine<T>(
        call, {.bias = optional_input<T>(call, 3), .residual = call.inputs[2].as<const T>()},
        finish_tile<Same, T>);
  });
}

void run_packed_activation(const Call& call) {
  SimdFloats::visit(call.inputs[0].dtype, [&]<typename T>(std::type_identity<T>) {
    visit_vector_activation(call.state<ActivationState>().activation, [&]<typename F>(F) {
      multiply_affine<T>(call, {.bias = optional_input<T>(call, 2)}, finish_tile<F, T>);
    });
  });
}

// Product by product: each over all threads when there are fewer than these, else one a thread.
template <typename T>
void multiply_batch_packed(const Call& call) {
  const auto& state = call.state<MatmulState>();
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  const Product<T> one = product_of<T>(state, a, b, out);
  const auto product_at = [&](const auto& addresses) {
    Product<T> product = one;
    product.a = reinterpret_cast<const T*>(addresses[0]);
    product.b = reinterpret_cast<const T*>(addresses[1]);
    product.c = reinterpret_cast<T*>(addresses[2]);
    return product;
  };
  const Places<3> places = batch_places(a, b, out);
  if (places.count() < call.threads) {
    places.for_each(0, places.count(), [&](const auto& at) {
      multiply_parallel<T>(call, product_at(at), {}, finish_tile<Same, T>);
    });
    return;
  }
  parallel_ranges(
      places.count(), one.m * one.n * (one.k / 16 + 1), call.threads,
      [&](std::int64_t begin, std::int64_t end) {
        places.for_each(begin, end, [&](const auto& at) {
          PackedProduct<T>(product_at(at), {}, finish_tile<Same, T>, workspace_of(call)).run();
        });
      });
}

void run_packed_matmul(const Call& call) {
  const TensorView &a = call.inputs[0], &out = call.outputs[0];
  if (out.element_count() == 0) return;
  const auto& state = call.state<MatmulState>();
  const bool is_one = call.inputs[1].rank == 2 && !state.transpose_a && a.is_dense();
  SimdFloats::visit(a.dtype, [&]<typename T>(std::type_identity<T>) {
    if (!is_one) return multiply_batch_packed<T>(call);
    Product<T> all_rows = product_of<T>(state, a, call.inputs[1], out);
    all_rows.m = out.element_count() / all_rows.n;
    multiply_parallel<T>(call, all_rows, {}, finish_tile<Same, T>);
  });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace paceline::kernels::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace paceline::kernels::cpu {
namespace {

HWY_EXPORT(run_packed_linear);
HWY_EXPORT(run_packed_residual);
HWY_EXPORT(run_packed_activation);
HWY_EXPORT(run_packed_matmul);

Dim workspace_bytes(const OpInputs& in, const Resources& resources) {
  return packed_product_floats(in[0].dtype) * resources.threads *
         static_cast<std::int64_t>(sizeof(float));
}

template <typename State>
Kernel kernel(const char* op, std::vector<Strides> strides, void (*run)(const Call&),
              Precision precision = Precision::reorders) {
  return {.info = simd_info(op, op, std::move(strides), 0.55, precision),
          .workspace_bytes = workspace_bytes,
          .prepare = prepare<State>,
          .run = run};
}

}  // namespace

std::vector<Kernel> packed_simd() {
  return {
      kernel<AffineState>("linear", affine_strides(), PACELINE_BEST_TARGET(run_packed_linear)),
      kernel<AffineState>("linear_residual", affine_strides(),
                          PACELINE_BEST_TARGET(run_packed_residual)),
      kernel<ActivationState>("linear_activation", affine_strides(),
                              PACELINE_BEST_TARGET(run_packed_activation), Precision::approximates),
      kernel<MatmulState>("matmul", {Strides::dense_inner},
                          PACELINE_BEST_TARGET(run_packed_matmul)),
  };
}

}  // namespace paceline::kernels::cpu
#endif
