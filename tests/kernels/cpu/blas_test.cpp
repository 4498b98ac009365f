#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "kernels/cpu/support/openblas.h"

namespace paceline::kernels::cpu {
namespace {

// Elements of a stored matrix at any row stride, transposed or not.
float element(const float* data, std::int64_t stride, bool transpose, std::int64_t i,
              std::int64_t j) {
  return transpose ? data[j * stride + i] : data[i * stride + j];
}

std::vector<float> by_hand(const Product<float>& p) {
  std::vector<float> c(p.m * p.n, 0);
  for (std::int64_t i = 0; i < p.m; ++i) {
    for (std::int64_t j = 0; j < p.n; ++j) {
      for (std::int64_t k = 0; k < p.k; ++k) {
        c[i * p.n + j] += element(p.a, p.a_stride, p.transpose_a, i, k) *
                          element(p.b, p.b_stride, p.transpose_b, k, j);
      }
    }
  }
  return c;
}

class Blas : public testing::Test {
 protected:
  void SetUp() override {
    if (openblas_cores().empty()) GTEST_SKIP() << "no OpenBLAS here";
    std::iota(numbers_.begin(), numbers_.end(), -40.0f);
  }

  const Products<float>& products() { return openblas_cores().front().blas.of_floats; }
  const float* middle() const { return numbers_.data() + 60; }

  std::vector<float> numbers_ = std::vector<float>(120);
};

// Strides of 0 and below, which BLAS itself refuses, whole numbers so that sums are exact.
TEST_F(Blas, TakesRowsOnTopOfEachOtherAndBackwards) {
  for (const std::int64_t a_stride : {-6, 0, 1, 7}) {
    for (const std::int64_t b_stride : {-6, 0, 2, 9}) {
      for (const bool transpose_a : {false, true}) {
        for (const bool transpose_b : {false, true}) {
          for (const std::int64_t m : {1, 3}) {
            std::vector<float> c(m * 5, std::numeric_limits<float>::quiet_NaN());
            const Product<float> product = {m,           5,           4,        middle(),
                                            a_stride,    transpose_a, middle(), b_stride,
                                            transpose_b, c.data(),    5};
            multiply_strided(products(), product, false);
            EXPECT_EQ(c, by_hand(product))
                << m << " " << a_stride << transpose_a << " " << b_stride << transpose_b;
          }
        }
      }
    }
  }
}

TEST_F(Blas, GivesZeroWhenThereIsNothingToSum) {
  for (const std::int64_t m : {1, 2}) {
    std::vector<float> c(m * 3, std::numeric_limits<float>::quiet_NaN());
    multiply_strided(products(), {.m = m, .n = 3, .c = c.data(), .c_stride = 3}, false);
    EXPECT_EQ(c, std::vector<float>(m * 3, 0));
  }
}

TEST_F(Blas, CutsAProductForThreads) {
  for (const auto& [m, n, threads] : {std::array{500, 70, 3}, {70, 500, 2}, {3, 3, 8}}) {
    const Cut cut = cut_of(m, n, 400, threads);
    const std::int64_t side = cut.by_rows ? m : n;
    EXPECT_GE(cut.pieces * cut.extent, side);
    EXPECT_LT((cut.pieces - 1) * cut.extent, side);
    EXPECT_LE(cut.pieces, threads);
  }
  EXPECT_EQ(cut_of(3, 3, 400, 8).pieces, 1);
}

}  // namespace
}  // namespace paceline::kernels::cpu
