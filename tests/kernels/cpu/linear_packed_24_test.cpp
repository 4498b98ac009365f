#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/draw.h"
#include "common/ops/words24.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Products with weights in words of 24 bits, against `linear` on the weights in f32.
namespace paceline {
namespace {

const Op& op_of(const char* name) { return ops::all_ops().get(name); }

Attributes complete(const Op& op, const Attributes& attributes) {
  return attributes.complete(op.name, op.attributes);
}

Tensor packed(const Tensor& weight) {
  const Op& op = op_of("pack_weight_24");
  const TensorView view = weight.view();
  return test::run_kernel(*kernels::find_kernel("pack_weight_24_plain"), op, complete(op, {}),
                          std::span(&view, 1))
      .outputs[0];
}

Tensor product(const Tensor& x, const Tensor& words, const Tensor& bias, int threads = 1) {
  const Op& op = op_of("linear_packed_24");
  const std::vector<TensorView> inputs = {x.view(), words.view(), bias.view()};
  const Attributes attributes = complete(op, {{"columns", bias.element_count()}});
  const auto outcome = test::run_kernel(*kernels::find_kernel("linear_packed_24_simd"), op,
                                        attributes, inputs, {.threads = threads});
  EXPECT_TRUE(outcome.is_repeatable);
  EXPECT_FALSE(outcome.wrote_outside);
  return outcome.outputs[0];
}

void check(std::int64_t m, std::int64_t n, std::int64_t k, int threads, Random& random) {
  const Tensor x = ops::draw({Dtype::f32, {m, k}}, random);
  const Tensor weight = ops::draw({Dtype::f32, {n, k}}, random);
  const Tensor bias = ops::draw({Dtype::f32, {n}}, random);
  const Op& op = op_of("linear");
  const std::vector<Tensor> exact = {x.cast(Dtype::f64), weight.cast(Dtype::f64),
                                     bias.cast(Dtype::f64)};
  const Tensor wanted = test::reference_outputs(op, complete(op, {}), exact)[0];
  const Tensor got = product(x, packed(weight), bias, threads);
  EXPECT_LE(compare(got.view(), wanted.view()).relative, 1e-6)
      << m << " x " << k << " times " << k << " x " << n << ", " << threads << " threads";
}

TEST(LinearPacked24, IsRightForEveryNumberOfRows) {
  Random random(1);
  for (std::int64_t m = 1; m <= 20; ++m) check(m, 31 + m, 60 + m, 1, random);
}

TEST(LinearPacked24, IsRightForOddExtents) {
  Random random(2);
  for (const int threads : {1, 3}) {
    check(1, 1, 1, threads, random);
    check(2, 33, 3, threads, random);
    check(1, 512, 512, threads, random);
    check(3, 700, 1030, threads, random);
    check(9, 65, 2047, threads, random);
  }
}

TEST(LinearPacked24, KeepsWildColumnsApart) {
  const Tensor weight(Dtype::f32, {40, 6});
  for (std::int64_t i = 0; i < 240; ++i) weight.as<float>()[i] = 1;
  weight.as<float>()[7 * 6 + 4] = std::numeric_limits<float>::infinity();
  weight.as<float>()[33 * 6] = std::nanf("");
  const Tensor x = Tensor::of<float>({1, 6}, {1, 2, 3, 4, 5, 6});
  const Tensor out = product(x, packed(weight), Tensor::of<float>({40}, std::vector<float>(40)));
  for (std::int64_t j = 0; j < 40; ++j) {
    const float value = out.as<float>()[j];
    if (j == 7 || j == 33) {
      EXPECT_TRUE(std::isnan(value)) << j;
    } else {
      EXPECT_EQ(value, 21) << j;
    }
  }
}

}  // namespace
}  // namespace paceline
