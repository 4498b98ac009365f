#include "common/ops/support/index.h"
#include "common/ops/support/infer.h"
#include "common/ops/support/samples.h"

namespace paceline::ops {

namespace {

// The extents of one product and how many there are: out[batch,m,n] sums a[batch,m,k] *
// b[batch,k,n].
struct Product {
  Shape batch;
  Dim m, n, k;
};

Product product_of(const OpInputs& in) {
  const Shape& a = in[0].shape;
  const Shape& b = in[1].shape;
  const bool transpose_a = in.attributes.get<bool>("transpose_a");
  const bool transpose_b = in.attributes.get<bool>("transpose_b");
  const std::size_t last_a = a.size() - 1;
  const std::size_t last_b = b.size() - 1;
  Product product{.batch = Shape(a.begin(), a.end() - 2),
                  .m = a[transpose_a ? last_a : last_a - 1],
                  .n = b[transpose_b ? last_b - 1 : last_b],
                  .k = a[transpose_a ? last_a - 1 : last_a]};
  const Dim& k_of_b = b[transpose_b ? last_b : last_b - 1];
  if (product.k != k_of_b) {
    throw invalid("inner extents differ: {} and {}", product.k.to_string(), k_of_b.to_string());
  }
  return product;
}

Types infer(const OpInputs& in) {
  expect(Elements::floats, in[0]);
  expect_equal_dtypes(in);
  expect_rank(2, in[0]);
  expect_rank(2, in[1]);
  Product product = product_of(in);
  const Shape batch_of_b(in[1].shape.begin(), in[1].shape.end() - 2);
  if (!batch_of_b.empty() && batch_of_b != product.batch) {
    throw invalid("batch axes differ: {} and {}", to_string(product.batch), to_string(batch_of_b));
  }
  Shape shape = std::move(product.batch);
  shape.push_back(product.m);
  shape.push_back(product.n);
  return {{in[0].dtype, shape}};
}

Work work(const OpInputs& in) {
  return {.flops = 2 * count(infer(in)[0]) * product_of(in).k, .bytes = bytes_of(in, infer(in))};
}

// One matrix by its strides, so that a transpose is a matter of which stride is which.
struct Matrix {
  const double* data;
  std::int64_t rows, columns;
  std::int64_t row_stride, column_stride;

  double at(std::int64_t row, std::int64_t column) const {
    return data[row * row_stride + column * column_stride];
  }
};

Matrix matrix_of(const Tensor& tensor, std::int64_t batch, bool transposed) {
  const std::int64_t rows = tensor.extents().end()[-2];
  const std::int64_t columns = tensor.extents().back();
  const double* data = tensor.as<double>() + batch * rows * columns;
  if (transposed) return {data, columns, rows, 1, columns};
  return {data, rows, columns, columns, 1};
}

void multiply(const Matrix& a, const Matrix& b, double* out) {
  for (std::int64_t m = 0; m < a.rows; ++m) {
    for (std::int64_t n = 0; n < b.columns; ++n) {
      double sum = 0;
      for (std::int64_t k = 0; k < a.columns; ++k) sum += a.at(m, k) * b.at(k, n);
      *out++ = sum;
    }
  }
}

void reference(const ReferenceCall& call) {
  const Extents& extents = call.outputs[0].extents();
  const std::int64_t size = extents.end()[-2] * extents.back();
  const std::int64_t batches = element_count(Extents(extents.begin(), extents.end() - 2));
  const bool shares_b = call.inputs[1].extents().size() == 2;
  for (std::int64_t batch = 0; batch < batches; ++batch) {
    multiply(
        matrix_of(call.inputs[0], batch, call.attributes.get<bool>("transpose_a")),
        matrix_of(call.inputs[1], shares_b ? 0 : batch, call.attributes.get<bool>("transpose_b")),
        call.outputs[0].as<double>() + batch * size);
  }
}

std::vector<Sample> samples() {
  std::vector<Sample> samples = {
      {{{Dtype::f32, {1, 1}}, {Dtype::f32, {1, 1}}}},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {5, 7}}}},
      {{{Dtype::f32, {1, 64}}, {Dtype::f32, {64, 33}}}},
      {{{Dtype::f32, {5, 3}}, {Dtype::f32, {5, 7}}}, {{"transpose_a", true}}},
      {{{Dtype::f32, {3, 5}}, {Dtype::f32, {7, 5}}}, {{"transpose_b", true}}},
      {{{Dtype::f32, {5, 3}}, {Dtype::f32, {7, 5}}},
       {{"transpose_a", true}, {"transpose_b", true}}},
      {{{Dtype::f32, {2, 3, 5}}, {Dtype::f32, {2, 5, 7}}}},
      {{{Dtype::f32, {2, 3, 5}}, {Dtype::f32, {5, 7}}}},
      {{{Dtype::f32, {2, 5, 3}}, {Dtype::f32, {5, 7}}}, {{"transpose_a", true}}},
      {{{Dtype::f32, {2, 3, 4, 5}}, {Dtype::f32, {2, 3, 6, 5}}}, {{"transpose_b", true}}},
      {{{Dtype::f32, {128, 256}}, {Dtype::f32, {256, 64}}}},
      {{{Dtype::f32, {33, 129}}, {Dtype::f32, {65, 129}}}, {{"transpose_b", true}}},
  };
  for (const Dtype dtype : {Dtype::f64, Dtype::f16, Dtype::bf16}) {
    samples.push_back({{{dtype, {17, 33}}, {dtype, {33, 9}}}});
    samples.push_back({{{dtype, {2, 3, 16}}, {dtype, {2, 5, 16}}}, {{"transpose_b", true}}});
  }
  return samples;
}

}  // namespace

Op matmul() {
  return {
      .input_count_min = 2,
      .input_count_max = 2,
      .attributes = {{"transpose_a", AttributeKind::boolean, false},
                     {"transpose_b", AttributeKind::boolean, false}},
      .facts = {.associative = true},
      .infer = infer,
      .work = work,
      .reference = reference,
      .samples = samples(),
  };
}

}  // namespace paceline::ops
