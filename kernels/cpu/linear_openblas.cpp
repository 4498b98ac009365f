#include <cstring>

#include "kernels/cpu/support/openblas.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  State(const Blas& blas, const Attributes& attributes)
      : blas(blas), transpose_weight(attributes.get<bool>("transpose_weight")) {}
  Blas blas;
  bool transpose_weight;
};

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
      .a_stride = std::max<std::int64_t>(k, 1),
      .b = weight.as<const T>(),
      .b_stride = std::max<std::int64_t>(state.transpose_weight ? k : n, 1),
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
  parallel_multiply(state.blas.gemm<T>(), product, call.threads, fill);
}

void run(const Call& call) {
  if (call.inputs[0].dtype == Dtype::f32) return run_typed<float>(call);
  run_typed<double>(call);
}

}  // namespace

// Every core type is a rival: the one that OpenBLAS picks by itself is not always the fastest.
std::vector<Kernel> linear_openblas() {
  std::vector<Kernel> family;
  double expected_efficiency = 0.70;
  for (const OpenblasCore& core : openblas_cores()) {
    family.push_back({
        .info = {.name = core.name,
                 .op = "linear",
                 .library = "openblas",
                 .accepts = {.dtypes = {Dtype::f32, Dtype::f64}},
                 .precision = Precision::reorders,
                 .library_version = core.version,
                 .expected_efficiency = expected_efficiency},
        .prepare = [blas = core.blas](const Attributes& attributes, const Resources&)
            -> std::unique_ptr<Prepared> { return std::make_unique<State>(blas, attributes); },
        .run = run,
    });
    expected_efficiency *= 0.8;  // The widest vectors stand first.
  }
  return family;
}

}  // namespace paceline::kernels::cpu
