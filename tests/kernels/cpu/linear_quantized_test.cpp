#include <gtest/gtest.h>

#include <fmt/format.h>

#include <string>
#include <vector>

#include "common/ops/all_ops.h"
#include "common/ops/block_format.h"
#include "common/ops/draw.h"
#include "kernels/all_kernels.h"
#include "tests/support/run_kernel.h"

// Products with blocks at depths that are whole batches of vectors, parts of them, and both.
namespace paceline {
namespace {

struct Problem {
  std::int64_t rows, columns, depth;
};

double bound(const Kernel& kernel) {
  if (kernel.info.precision != Precision::narrows) return 2e-6;
  return kernel.info.name.ends_with("int8") ? 1.5e-2 : 2e-4;
}

Tensor drawn_blocks(const ops::BlockFormat& format, const Problem& p, Random& random) {
  const Tensor numbers = ops::draw({Dtype::f32, {p.columns, p.depth}}, random);
  Tensor blocks(Dtype::u8, {p.columns, format.row_bytes(p.depth)});
  for (std::int64_t i = 0; i < p.columns; ++i) {
    const auto row_bytes = static_cast<std::size_t>(format.row_bytes(p.depth));
    ops::quantize_row(format, {numbers.as<float>() + i * p.depth, std::size_t(p.depth)},
                      {blocks.as<std::uint8_t>() + i * row_bytes, row_bytes});
  }
  return blocks;
}

void check(const Kernel& kernel, const ops::BlockFormat& format, const Problem& p, int threads,
           Random& random) {
  SCOPED_TRACE(fmt::format("{} with {}: [{},{}] times [{},{}], {} threads", kernel.info.name,
                           format.name, p.rows, p.depth, p.columns, p.depth, threads));
  const Op& op = ops::all_ops().get("linear_quantized");
  const Attributes attributes =
      Attributes{{"format", std::string(format.name)}}.complete(op.name, op.attributes);
  const Tensor x = ops::draw({Dtype::f32, {p.rows, p.depth}}, random);
  const Tensor bias = ops::draw({Dtype::f32, {p.columns}}, random);
  const Tensor blocks = drawn_blocks(format, p, random);
  const std::vector<TensorView> views = {x.view(), blocks.view(), bias.view()};
  const auto outcome = test::run_kernel(kernel, op, attributes, views, {.threads = threads});
  const std::vector<Tensor> inputs = {x.cast(Dtype::f64), blocks.cast(Dtype::i64),
                                      bias.cast(Dtype::f64)};
  const Tensor wanted = test::reference_outputs(op, attributes, inputs)[0];
  EXPECT_LE(compare(outcome.outputs[0].view(), wanted.view()).relative, bound(kernel));
  EXPECT_TRUE(outcome.is_repeatable);
  EXPECT_FALSE(outcome.wrote_outside);
}

TEST(LinearQuantized, FitsTheReferenceAtEveryDepthAndCountOfRows) {
  const Problem problems[] = {{1, 37, 32},   {1, 5, 128},  {1, 70, 256}, {1, 33, 288},
                              {1, 64, 1024}, {2, 9, 1120}, {3, 40, 544}, {4, 31, 768},
                              {7, 3, 416},   {8, 65, 512}, {9, 33, 352}, {64, 40, 640}};
  for (const Kernel* kernel : kernels::kernels_of("linear_quantized")) {
    if (kernel->info.is_plain) continue;
    Random random(1);
    for (const ops::BlockKind kind : {ops::BlockKind::q8_0, ops::BlockKind::q4_0}) {
      for (const Problem& problem : problems) {
        for (const int threads : {1, 2}) {
          check(*kernel, ops::block_format(kind), problem, threads, random);
        }
      }
    }
  }
}

}  // namespace
}  // namespace paceline
