#include <fmt/format.h>

#include "common/ops/block_format.h"
#include "tests/gpu/large_operands.h"

namespace paceline {
namespace {

using test::drawn;
using test::expect_equal_results;

class LargeProducts : public testing::TestWithParam<Dtype> {
 protected:
  void SetUp() override {
    if (const auto absence = kernels::cuda_absence()) GTEST_SKIP() << *absence;
  }

  std::vector<Tensor> linear_inputs(std::int64_t rows, std::int64_t columns, std::int64_t depth,
                                    bool has_residual) const {
    const Dtype dtype = GetParam();
    std::vector<Tensor> inputs = {drawn(dtype, {rows, depth}, 1),
                                  drawn(dtype, {columns, depth}, 2)};
    if (has_residual) inputs.push_back(drawn(dtype, {rows, columns}, 3));
    inputs.push_back(drawn(dtype, {columns}, 4));
    return inputs;
  }
};

TEST_P(LargeProducts, FewRowsAgreeWithThePlainKernel) {
  for (const std::int64_t rows : {1, 2, 3, 7, 8, 16, 19}) {
    for (const auto& [columns, depth] :
         {std::pair<int, int>{1024, 3072}, {6144, 1024}, {257, 4104}}) {
      SCOPED_TRACE(fmt::format("{} x {} x {}", rows, columns, depth));
      expect_equal_results("few_rows_cuda.linear", "products_cuda.linear", {},
                           linear_inputs(rows, columns, depth, false));
      if (GetParam() != Dtype::f32) {
        expect_equal_results("few_rows_mma_cuda.linear_residual", "products_cuda.linear_residual",
                             {}, linear_inputs(rows, columns, depth, true));
      }
      expect_equal_results("few_rows_cuda.linear_residual", "products_cuda.linear_residual", {},
                           linear_inputs(rows, columns, depth, true));
      expect_equal_results("few_rows_cuda.linear_activation", "products_cuda.linear_activation",
                           {{"activation", std::string("silu")}},
                           linear_inputs(rows, columns, depth, false));
    }
  }
}

TEST_P(LargeProducts, StreamedRowsAgreeWithThePlainKernel) {
  for (const std::int64_t rows : {1, 2, 3, 4}) {
    // More stages than the ring has, fewer columns than blocks, long rows, ragged slices.
    for (const auto& [columns, depth] : {std::pair<int, int>{1024, 3072},
                                         {37000, 1024},
                                         {1024, 2048},
                                         {100, 64},
                                         {257, 4104},
                                         {777, 8000}}) {
      SCOPED_TRACE(fmt::format("{} x {} x {}", rows, columns, depth));
      if (GetParam() == Dtype::f32 && depth > 4096 && rows > 2) continue;
      expect_equal_results("stream_rows_cuda.linear", "products_cuda.linear", {},
                           linear_inputs(rows, columns, depth, false));
      expect_equal_results("stream_rows_cuda.linear_residual", "products_cuda.linear_residual", {},
                           linear_inputs(rows, columns, depth, true));
      expect_equal_results("stream_rows_cuda.linear_activation", "products_cuda.linear_activation",
                           {{"activation", std::string("silu")}},
                           linear_inputs(rows, columns, depth, false));
    }
  }
}

TEST_P(LargeProducts, LoadedRowsAgreeWithThePlainKernel) {
  for (const std::int64_t rows : {1, 2, 3, 4}) {
    // One slice, two and four of a row; several batches; ragged ends of both; few columns.
    for (const auto& [columns, depth] : {std::pair<int, int>{6144, 1024},
                                         {37003, 1024},
                                         {1024, 2048},
                                         {1024, 3072},
                                         {100, 64},
                                         {257, 4104},
                                         {4099, 14336}}) {
      SCOPED_TRACE(fmt::format("{} x {} x {}", rows, columns, depth));
      expect_equal_results("load_rows_cuda.linear", "products_cuda.linear", {},
                           linear_inputs(rows, columns, depth, false));
      expect_equal_results("load_rows_cuda.linear_residual", "products_cuda.linear_residual", {},
                           linear_inputs(rows, columns, depth, true));
      expect_equal_results("load_rows_cuda.linear_activation", "products_cuda.linear_activation",
                           {{"activation", std::string("silu")}},
                           linear_inputs(rows, columns, depth, false));
    }
  }
}

TEST_P(LargeProducts, StreamedRowsOfALongDepthAgreeWithThePlainKernel) {
  const std::int64_t depth = GetParam() == Dtype::f32 ? 8192 : 14336;
  for (const std::int64_t rows : {1, 2}) {
    expect_equal_results("stream_rows_cuda.linear_residual", "products_cuda.linear_residual", {},
                         linear_inputs(rows, 4096, depth, true));
  }
}

TEST_P(LargeProducts, StreamedRowsRefuseWhatTheyDoNotTake) {
  const auto refusal = [&](std::int64_t rows, std::int64_t depth) -> std::string {
    try {
      test::run_kernel_on_device(*test::cuda_kernel("stream_rows_cuda.linear"),
                                 ops::all_ops().get("linear"), {{"transpose_weight", true}},
                                 std::vector<TensorView>{drawn(GetParam(), {rows, depth}, 1).view(),
                                                         drawn(GetParam(), {8, depth}, 2).view()});
    } catch (const Error& error) {
      return error.kind() == ErrorKind::unsupported ? error.what() : "";
    }
    return "";
  };
  EXPECT_NE(refusal(5, 64), "");
  EXPECT_NE(refusal(1, 65), "");
}

// Bytes of which two are a small positive half.
Tensor drawn_blocks(const ops::BlockFormat& format, std::int64_t columns, std::int64_t depth) {
  Tensor blocks(Dtype::u8, {columns, format.row_bytes(depth)});
  std::uint32_t state = 12345;
  for (std::int64_t i = 0; i < blocks.element_count(); ++i) {
    state = state * 1664525u + 1013904223u;
    blocks.as<std::uint8_t>()[i] = static_cast<std::uint8_t>((state >> 24) % 61);
  }
  return blocks;
}

TEST_P(LargeProducts, FewRowsOfBlocksAgreeWithThePlainKernel) {
  const Dtype dtype = GetParam();
  for (const ops::BlockFormat& format : ops::block_formats) {
    for (const std::int64_t rows : {1, 2, 5, 16}) {
      for (const std::int64_t depth : {256, 1280, 4096}) {
        SCOPED_TRACE(fmt::format("{}, {} x {}", format.name, rows, depth));
        expect_equal_results("few_rows_cuda.linear_quantized", "products_cuda.linear_quantized",
                             {{"format", std::string(format.name)}},
                             {drawn(dtype, {rows, depth}, 7), drawn_blocks(format, 301, depth),
                              drawn(dtype, {301}, 8)});
      }
    }
  }
}

TEST_P(LargeProducts, StreamedBlocksAgreeWithThePlainKernel) {
  const Dtype dtype = GetParam();
  for (const char* name : {"q8_0", "q4_0", "q4_k", "q6_k"}) {
    const ops::BlockFormat& format = ops::block_format(name);
    for (const std::int64_t rows : {1, 2}) {
      for (const std::int64_t depth : {256, 1024, 3072, 4096, 14336}) {
        if (rows == 2 && depth > 8192) continue;
        const std::int64_t columns = depth == 1024 ? 20000 : 296;
        SCOPED_TRACE(fmt::format("{}, {} x {}", name, rows, depth));
        expect_equal_results("stream_rows_cuda.linear_quantized", "products_cuda.linear_quantized",
                             {{"format", std::string(name)}},
                             {drawn(dtype, {rows, depth}, 7), drawn_blocks(format, columns, depth),
                              drawn(dtype, {columns}, 8)});
      }
    }
  }
}

TEST_P(LargeProducts, EveryAlgorithmOfCublasLtAgreesWithThePlainKernel) {
  for (int i = 0; i < 8; ++i) {
    for (const std::int64_t rows : {1, 33, 512}) {
      SCOPED_TRACE(fmt::format("h{}, {} rows", i, rows));
      expect_equal_results(fmt::format("products_cublaslt.linear.h{}", i), "products_cuda.linear",
                           {}, linear_inputs(rows, 1024, 768, false));
      expect_equal_results(fmt::format("products_cublaslt.linear_residual.h{}", i),
                           "products_cuda.linear_residual", {},
                           linear_inputs(rows, 1024, 768, true));
      expect_equal_results(fmt::format("products_cublaslt.linear_gelu_tanh.h{}", i),
                           "products_cuda.linear_activation",
                           {{"activation", std::string("gelu_tanh")}},
                           linear_inputs(rows, 1024, 768, false));
    }
  }
}

TEST_P(LargeProducts, PassesAroundCublasLtAgreeWithThePlainKernel) {
  for (const char* activation : {"gelu", "silu", "sigmoid", "relu"}) {
    expect_equal_results(fmt::format("products_cublaslt.linear_{}.h0", activation),
                         "products_cuda.linear_activation",
                         {{"activation", std::string(activation)}},
                         linear_inputs(200, 320, 256, false));
  }
  if (GetParam() != Dtype::f32) return;
  for (const ops::BlockFormat& format : ops::block_formats) {
    expect_equal_results("products_cublaslt.linear_quantized.h0", "products_cuda.linear_quantized",
                         {{"format", std::string(format.name)}},
                         {drawn(Dtype::f32, {100, 512}, 7), drawn_blocks(format, 301, 512),
                          drawn(Dtype::f32, {301}, 8)});
  }
}

TEST_P(LargeProducts, BatchesOfCublasLtAgreeWithThePlainKernel) {
  const Dtype dtype = GetParam();
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      const Attributes attributes{{"transpose_a", transpose_a}, {"transpose_b", transpose_b}};
      const Extents a = transpose_a ? Extents{6, 128, 96} : Extents{6, 96, 128};
      const Extents b = transpose_b ? Extents{6, 200, 128} : Extents{6, 128, 200};
      expect_equal_results("products_cublaslt.matmul.h0", "products_cuda.matmul", attributes,
                           {drawn(dtype, a, 5), drawn(dtype, b, 6)});
      expect_equal_results("products_cublaslt.matmul.h0", "products_cuda.matmul", attributes,
                           {drawn(dtype, a, 5), drawn(dtype, {b[1], b[2]}, 6)});
    }
  }
}

TEST_P(LargeProducts, ConvolutionsAgreeWithThePlainKernel) {
  struct Shape {
    std::int64_t channels, filters, side, taps, stride, pad;
  };
  for (const Shape& shape : {Shape{64, 64, 56, 3, 1, 1},
                             {256, 128, 28, 1, 1, 0},
                             {64, 96, 29, 1, 2, 0},
                             {3, 32, 61, 7, 2, 3}}) {
    const auto twice = [](std::int64_t value) { return std::vector<std::int64_t>{value, value}; };
    const Attributes attributes = {{"strides", twice(shape.stride)},
                                   {"dilations", twice(1)},
                                   {"pads_low", twice(shape.pad)},
                                   {"pads_high", twice(shape.pad)},
                                   {"groups", std::int64_t{1}}};
    SCOPED_TRACE(fmt::format("{} to {} channels, {} x {}", shape.channels, shape.filters,
                             shape.taps, shape.taps));
    const std::vector<Tensor> inputs = {
        drawn(GetParam(), {3, shape.channels, shape.side, shape.side}, 1),
        drawn(GetParam(), {shape.filters, shape.channels, shape.taps, shape.taps}, 2),
        drawn(GetParam(), {shape.filters}, 3)};
    expect_equal_results("convolution_cublaslt.conv.h0", "windows_cuda.conv", attributes, inputs);
  }
}

INSTANTIATE_TEST_SUITE_P(Cuda, LargeProducts, testing::Values(Dtype::f32, Dtype::f16, Dtype::bf16),
                         [](const auto& info) { return std::string(to_string(info.param)); });

}  // namespace
}  // namespace paceline
