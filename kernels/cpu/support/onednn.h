#pragma once

#include <dlfcn.h>
#include <dnnl.h>

#include <string>
#include <vector>

#include "common/base/error.h"
#include "kernels/cpu/support/blas_family.h"

namespace paceline::kernels::cpu {

namespace onednn {

// oneDNN spreads its work over as many OpenMP threads as the calling thread would start. Ours are
// workers of the oneTBB arena and share the work out themselves, so each is held to itself.
inline void hold_to_one_thread() {
  thread_local const bool is_held = [] {
    using SetThreads = void (*)(int);
    if (auto* set = reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) {
      set(1);
    }
    return true;
  }();
  static_cast<void>(is_held);
}

inline void sgemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n,
                  std::int64_t k, float alpha, const float* a, std::int64_t a_stride,
                  const float* b, std::int64_t b_stride, float beta, float* c,
                  std::int64_t c_stride) {
  hold_to_one_thread();
  const dnnl_status_t status = dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k,
                                          alpha, a, a_stride, b, b_stride, beta, c, c_stride);
  check(status == dnnl_success, "dnnl_sgemm takes what BLAS takes");
}

// Its products by the names of BLAS, row-major.
inline void matrix_product(int, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                           const float* a, int a_stride, const float* b, int b_stride, float beta,
                           float* c, int c_stride) {
  sgemm(transpose_a == blas_transpose, transpose_b == blas_transpose, m, n, k, alpha, a, a_stride,
        b, b_stride, beta, c, c_stride);
}

// y is dense.
inline void vector_product(int, int transpose, int rows, int columns, float alpha,
                           const float* matrix, int stride, const float* x, int x_step, float beta,
                           float* y, int) {
  const bool is_plain = transpose == blas_no_transpose;
  const int n = is_plain ? rows : columns, k = is_plain ? columns : rows;
  sgemm(x_step != 1, is_plain, 1, n, k, alpha, x, x_step == 1 ? k : x_step, matrix, stride, beta, y,
        n);
}

}  // namespace onednn

inline std::string onednn_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

// oneDNN's products of floats, which need nothing prepared. It packs its operands into memory that
// it takes from the C library for the time of a product.
inline const std::vector<BlasLibrary>& onednn_blas() {
  static const std::vector<BlasLibrary> libraries = {
      {"sgemm", "onednn", onednn_version(),
       Blas{{onednn::matrix_product, onednn::vector_product}, {}}}};
  return libraries;
}

}  // namespace paceline::kernels::cpu
