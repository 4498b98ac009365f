#include <cstring>

#include "kernels/cpu/support/openblas_family.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  State(const Blas& blas, const Attributes& attributes)
      : blas(blas), transpose_weight(attributes.get<bool>("transpose_weight")) {}
  Blas blas;
  bool transpose_weight;
};

// All rows of x at once, so that x must be dense.
template <typename T>
void run_typed(const Call& call) {
  const auto& state = call.state<State>();
  const TensorView &x = call.inputs[0], &weight = call.inputs[1], &out = call.outputs[0];
  const std::int64_t k = x.extents[x.rank - 1], n = out.extents[out.rank - 1];
  if (out.element_count() == 0) return;
  const Product<T> product = {
      .m = out.element_count() / n,
      .n = n,
      .k = k,
      .a = x.as<const T>(),
      .a_stride = k,
      .b = weight.as<const T>(),
      .b_stride = weight.strides[0],
      .transpose_b = state.transpose_weight,
      .c = out.as<T>(),
      .c_stride = n,
  };
  const T* bias = call.inputs.size() > 2 ? call.inputs[2].as<const T>() : nullptr;
  const auto fill = [&](std::int64_t row, std::int64_t rows, std::int64_t column,
                        std::int64_t columns) {
    if (bias == nullptr) return false;
    for (std::int64_t i = row; i < row + rows; ++i) {
      std::memcpy(product.c + i * n + column, bias + column, columns * sizeof(T));
    }
    return true;
  };
  parallel_multiply(state.blas.products<T>(), product, call.threads, fill);
}

void run(const Call& call) {
  if (call.inputs[0].dtype == Dtype::f32) return run_typed<float>(call);
  run_typed<double>(call);
}

}  // namespace

std::vector<Kernel> linear_openblas() {
  return openblas_family<State>(
      {.op = "linear",
       .accepts = {.dtypes = {Dtype::f32, Dtype::f64},
                   .input_strides = {Strides::dense, Strides::dense_inner, Strides::dense}},
       .precision = Precision::reorders,
       .expected_efficiency = 0.70},
      run);
}

}  // namespace paceline::kernels::cpu
