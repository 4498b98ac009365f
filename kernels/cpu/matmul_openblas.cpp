#include "kernels/cpu/support/openblas.h"
#include "kernels/kernel.h"

namespace paceline::kernels::cpu {
namespace {

struct State : Prepared {
  State(const Blas& blas, const Attributes& attributes)
      : blas(blas),
        transpose_a(attributes.get<bool>("transpose_a")),
        transpose_b(attributes.get<bool>("transpose_b")) {}
  Blas blas;
  bool transpose_a;
  bool transpose_b;
};

// Dense operands: a is a stack of matrices, b a stack of as many or a single one.
template <typename T>
void run_typed(const Call& call) {
  const auto& state = call.state<State>();
  const TensorView &a = call.inputs[0], &b = call.inputs[1], &out = call.outputs[0];
  if (out.element_count() == 0) return;
  const std::int64_t rows_a = a.extents[a.rank - 2], columns_a = a.extents[a.rank - 1];
  const std::int64_t rows_b = b.extents[b.rank - 2], columns_b = b.extents[b.rank - 1];
  const std::int64_t m = out.extents[out.rank - 2], n = out.extents[out.rank - 1];
  const std::int64_t batch = out.element_count() / (m * n);
  const auto product_of = [&](std::int64_t i) {
    return Product<T>{
        .m = m,
        .n = n,
        .k = state.transpose_a ? rows_a : columns_a,
        .a = a.as<const T>() + i * rows_a * columns_a,
        .a_stride = std::max<std::int64_t>(columns_a, 1),
        .transpose_a = state.transpose_a,
        .b = b.as<const T>() + (b.rank == 2 ? 0 : i * rows_b * columns_b),
        .b_stride = std::max<std::int64_t>(columns_b, 1),
        .transpose_b = state.transpose_b,
        .c = out.as<T>() + i * m * n,
        .c_stride = n,
    };
  };
  const auto nothing_to_add = [](std::int64_t, std::int64_t, std::int64_t, std::int64_t) {
    return false;
  };
  const Gemm<T> gemm = state.blas.gemm<T>();
  if (batch < call.threads) {
    for (std::int64_t i = 0; i < batch; ++i) {
      parallel_multiply(gemm, product_of(i), call.threads, nothing_to_add);
    }
    return;
  }
  const auto one = [&](std::int64_t i) { multiply(gemm, product_of(i), false); };
  if (call.threads == 1) {
    for (std::int64_t i = 0; i < batch; ++i) one(i);
  } else {
    tbb::parallel_for(std::int64_t{0}, batch, one);
  }
}

void run(const Call& call) {
  if (call.inputs[0].dtype == Dtype::f32) return run_typed<float>(call);
  run_typed<double>(call);
}

}  // namespace

// Every core type is a rival: the one that OpenBLAS picks by itself is not always the fastest.
std::vector<Kernel> matmul_openblas() {
  std::vector<Kernel> family;
  double expected_efficiency = 0.70;
  for (const OpenblasCore& core : openblas_cores()) {
    family.push_back({
        .info = {.name = core.name,
                 .op = "matmul",
                 .library = "openblas",
                 .accepts = {.dtypes = {Dtype::f32, Dtype::f64}, .rank_min = 2},
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
